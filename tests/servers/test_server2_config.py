import os

import pytest

from flask_handoff import ConfigurationError
from server2.config import Config

WRONG = {
    "SERVER2_PORT": ["", "x", "0", "65536", "-1", "5002.0", "\u0665", "99999999999"][1:],
    "SERVER1_PORT": ["x"],
    "SERVER2_BIND": ["localhost", "256.0.0.1", "127.0.0.1:5002"],
    "SERVER2_SESSION_SAMESITE": ["None", "lax", "off"],
    "SERVER2_DEMO": ["maybe", "2"],
    "SERVER2_DATABASE_URL": ["x", "sqlite://", "sqlite:///:memory:", "mysql://db.example.com/x"],
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


def test_a_misspelt_setting_is_refused_and_a_platforms_own_is_not():
    with pytest.raises(ConfigurationError, match="SERVER2_SESSION_SAMESITE was meant"):
        Config.from_environment({"SERVER2_SESSION_SAMESTE": "Strict"})
    platform = {"SERVER2_PORT_5002_TCP_ADDR": "10.0.0.2", "SERVER2_SERVICE_HOST": "10.0.0.2"}
    assert Config.from_environment(platform) == Config.from_environment({})


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


def test_a_database_that_cannot_be_reached_is_refused_without_its_password(build_notes):
    url = "postgresql://notes:hunter2@127.0.0.1:1/notes"
    with pytest.raises(ConfigurationError, match=r"SERVER2_DATABASE_URL") as refused:
        build_notes(SERVER2_DATABASE_URL=url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_demo_is_refused_where_others_can_reach_it():
    settings = {"SERVER2_DEMO": "1", "HANDOFF_BASE_URL": "https://notes.example.com"}
    with pytest.raises(ConfigurationError, match="SERVER2_DEMO"):
        Config.from_environment(settings)
    assert Config.from_environment({"SERVER2_DEMO": "1"}).demo


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104 - it is read, not bound
def test_the_demo_is_refused_on_other_addresses_than_loopback(bind):
    settings = {"SERVER2_DEMO": "1", "SERVER2_BIND": bind}
    with pytest.raises(ConfigurationError, match=f"SERVER2_BIND is {bind}, where other machines"):
        Config.from_environment(settings)
    assert not Config.from_environment({"SERVER2_BIND": bind}).demo
    assert Config.from_environment({**settings, "SERVER2_PUBLISHED_ON_LOOPBACK": "1"}).demo


def test_in_the_demo_another_machine_sees_nothing_whatever_is_bound(build_notes):
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    base_url = "http://127.0.0.1:5002"
    for settings, status in (
        ({"SERVER2_DEMO": "1"}, 403),
        ({"SERVER2_DEMO": "1", "SERVER2_PUBLISHED_ON_LOOPBACK": "1"}, 200),
        ({}, 200),
    ):
        client = build_notes(**settings).test_client()
        answer = client.get("/", base_url=base_url, environ_overrides=elsewhere)
        assert answer.status_code == status


def test_the_ports_are_in_the_addresses_unless_those_are_given():
    config = Config.from_environment({"SERVER1_PORT": "6001", "SERVER2_PORT": "6002"})
    assert config.handoff["HANDOFF_ISSUER"] == "http://localhost:6001"
    assert config.base_url == config.handoff["HANDOFF_BASE_URL"] == "http://127.0.0.1:6002"


def test_an_empty_value_is_taken_for_none(tmp_path):
    config = Config.from_environment({"SERVER2_PORT": "", "HANDOFF_MAX_AGE": " "})
    assert config.port == 5002
    assert "HANDOFF_MAX_AGE" not in config.handoff


def test_the_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("SERVER2_PORT=6002\nSERVER2_SESSION_SAMESITE=Strict\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVER2_PORT", "7002")
    config = Config.from_environment()
    assert (config.port, config.session_samesite) == (7002, "Strict")
    assert "SERVER2_SESSION_SAMESITE" not in os.environ
