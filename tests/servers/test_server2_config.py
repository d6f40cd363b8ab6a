import pytest

from flask_handoff import ConfigurationError
from server2.config import Config

WRONG = {
    "SERVER1_PORT": ["x"],
    "SERVER2_TRUST_AFTER_START": ["-1", "43201", "1.5", "no"],
    "SERVER2_SESSION_SAMESITE": ["None", "lax", "off"],
    "HANDOFF_BASE_URL": [
        "127.0.0.1:5002",
        "http://notes.example.com",
        "ftp://127.0.0.1",
        "https://user@notes.example.com",
        "http://127.0.0.1:99999",
        "https://",
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_refused_with_its_name_and_a_remedy(name, value):
    with pytest.raises(ConfigurationError) as refused:
        Config.from_environment({name: value})
    assert name in refused.value.problem
    assert refused.value.remedy.endswith(".")


def test_a_token_is_asked_for_in_an_address_in_demo_mode_only():
    modes = [
        Config.from_environment(settings).handoff["HANDOFF_RESPONSE_MODE"]
        for settings in ({}, {"SERVER2_DEMO": "1"}, {"HANDOFF_RESPONSE_MODE": "query"})
    ]
    assert modes == ["form_post", "query", "query"]


@pytest.mark.parametrize(
    "setting",
    [
        {"HANDOFF_RESPONSE_MODE": "fragment"},
        {"HANDOFF_SCOPE": "notes:read"},
        {"HANDOFF_BASE_URL": "https://notes.example.com/app"},
        {"HANDOFF_BASE_URL": "https://notes.example.com/"},
        {"HANDOFF_DEFAULT_TARGET": "//evil.example"},
        {"HANDOFF_RESPONS_MODE": "query"},
        {"HANDOFF_PINNED_KEYS": "no/such/file.pem"},
        {"HANDOFF_ISSUER": "http://server1.example.com"},
    ],
    ids=lambda setting: "=".join(*setting.items()),
)
def test_a_wrong_value_of_the_librarys_is_refused(build_notes, setting):
    with pytest.raises(ConfigurationError):
        build_notes(**setting)


def test_the_ports_are_in_the_addresses_unless_those_are_given():
    config = Config.from_environment({"SERVER1_PORT": "6001", "SERVER2_PORT": "6002"})
    assert config.handoff["HANDOFF_ISSUER"] == "http://localhost:6001"
    assert config.base_url == config.handoff["HANDOFF_BASE_URL"] == "http://127.0.0.1:6002"


def test_the_base_url_on_loopback_names_the_port_to_listen_on():
    base_url = {"HANDOFF_BASE_URL": "http://127.0.0.1:6002"}
    assert Config.from_environment(base_url).serving.port == 6002
    elsewhere = {"HANDOFF_BASE_URL": "https://notes.example.com:8443"}
    assert Config.from_environment(elsewhere).serving.port == 5002
