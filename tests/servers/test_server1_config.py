import json

import pytest

from flask_handoff import ConfigurationError
from server1 import create_app
from server1.config import Config
from server1.demo import make_first_signing_key
from tests.servers.accounts_visitor import running_accounts


def test_without_settings_it_is_a_pair_on_loopback():
    config = Config.from_environment({})
    assert config.issuer == "http://localhost:5001"
    assert (config.serving.bind, config.serving.port) == ("127.0.0.1", 5001)
    assert str(config.database_url) == "sqlite:///instance/server1/server1.sqlite3"
    assert not config.demo
    assert config.handoff["HANDOFF_CLIENTS"] == [
        {
            "client_id": "server2",
            "name": "Notes",
            "redirect_uris": ["http://127.0.0.1:5002/sso/callback"],
            "response_modes": ["form_post"],
            "initiate_login_uri": "http://127.0.0.1:5002/sso/login",
            "backchannel_logout_uri": "http://127.0.0.1:5002/sso/backchannel-logout",
            "revocation_uri": "http://127.0.0.1:5002/sso/revocations",
            "post_logout_redirect_uris": ["http://127.0.0.1:5002/logout"],
            "first_party": True,
            "resource": "http://127.0.0.1:5002",
            "scopes": ["notes:read", "notes:write"],
        }
    ]


def test_a_token_may_stand_in_an_address_in_demo_mode_only():
    config = Config.from_environment({"SERVER1_DEMO": "1"})
    registered = json.dumps(config.handoff["HANDOFF_CLIENTS"])
    assert '"response_modes": ["query", "form_post"]' in registered


def test_the_ports_move_the_addresses():
    config = Config.from_environment({"SERVER1_PORT": "7001", "SERVER2_PORT": "7002"})
    assert config.issuer == "http://localhost:7001"
    assert config.serving.port == 7001
    assert "http://127.0.0.1:7002/sso/login" in json.dumps(config.handoff["HANDOFF_CLIENTS"])


def test_the_issuer_on_loopback_names_the_port_to_listen_on():
    assert Config.from_environment({"HANDOFF_ISSUER": "http://localhost:7001"}).serving.port == 7001


def test_the_issuer_behind_a_proxy_does_not():
    issuer = {"HANDOFF_ISSUER": "https://accounts.example.com:8443"}
    assert Config.from_environment(issuer).serving.port == 5001


def test_the_base_url_of_server2_is_where_notes_is():
    config = Config.from_environment({"HANDOFF_BASE_URL": "https://notes.example.com"})
    assert "https://notes.example.com/sso/callback" in json.dumps(config.handoff["HANDOFF_CLIENTS"])


ONLY_ON_LOOPBACK = [
    {"SERVER1_DEMO": "1"},
    {"SERVER1_ARGON2_MEMORY_KIB": "19455"},
]


@pytest.mark.parametrize("settings", ONLY_ON_LOOPBACK)
@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7", "::ffff:127.0.0.1"])  # noqa: S104 - it is read, not bound
def test_what_is_for_one_machine_is_refused_on_other_addresses(settings, bind):
    with pytest.raises(ConfigurationError, match=f"SERVER1_BIND is {bind}, where other machines"):
        Config.from_environment({**settings, "SERVER1_BIND": bind})
    Config.from_environment({"SERVER1_BIND": bind})


@pytest.mark.parametrize("settings", ONLY_ON_LOOPBACK)
def test_a_container_names_the_port_that_it_publishes_on_loopback(settings):
    container = {**settings, "SERVER1_BIND": "0.0.0.0", "SERVER1_PUBLISHED_ON_LOOPBACK": "1"}  # noqa: S104 - it is read, not bound
    Config.from_environment(container)
    with pytest.raises(ConfigurationError, match="HANDOFF_ISSUER is not on this machine"):
        Config.from_environment({**container, "HANDOFF_ISSUER": "https://accounts.example.com"})


@pytest.mark.parametrize("settings", ONLY_ON_LOOPBACK)
@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.2", "::1"])
def test_on_loopback_no_exception_has_to_be_named(settings, bind):
    Config.from_environment({**settings, "SERVER1_BIND": bind})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"HANDOFF_ISSUER": "http://accounts.example.com"}, "may not be used"),
        ({"HANDOFF_ISSUER": "localhost:5001"}, "HANDOFF_ISSUER"),
        ({"SERVER2_PORT": "x"}, "SERVER2_PORT: 'x' is not a number from 1 to 65535."),
        ({"SERVER1_CONCURRENT_HASHES": "0"}, "SERVER1_CONCURRENT_HASHES"),
        ({"SERVER1_ARGON2_MEMORY_KIB": "31"}, "SERVER1_ARGON2_MEMORY_KIB"),
        (
            {"HANDOFF_ISSUER": "https://a.example", "SERVER1_ARGON2_MEMORY_KIB": "19455"},
            "makes passwords too cheap to guess",
        ),
        ({"HANDOFF_ISSUER": "http://localhost:5001/path"}, "has a path"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(settings, problem):
    with pytest.raises(ConfigurationError) as refusal:
        Config.from_environment(settings)
    assert problem in refusal.value.problem
    assert refusal.value.remedy.endswith((".", "?"))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"HANDOFF_CLIENTS": "[{}]"},
        {"HANDOFF_CLIENTS": "no-such-file.json"},
        {"HANDOFF_ISUER": "http://localhost:5001"},
        {"HANDOFF_KEYS_DIRECTORY": "no/such/directory"},
        {"SERVER1_DATABASE_URL": "sqlite:////proc/no/such/place"},
        {"SERVER1_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
    ],
)
def test_a_setting_that_does_not_work_refuses_to_start(accounts_environment, settings):
    config = Config.from_environment({**accounts_environment, **settings})
    with pytest.raises(ConfigurationError):
        create_app(config)


def test_outside_the_demo_a_missing_key_names_the_command(accounts_environment, tmp_path):
    settings = {**accounts_environment, "HANDOFF_KEYS_DIRECTORY": str(tmp_path / "keys")}
    with pytest.raises(ConfigurationError, match="flask handoff-keys new"):
        create_app(Config.from_environment(settings))


def test_the_demo_makes_its_first_key_once(accounts_environment, tmp_path, clock):
    keys = tmp_path / "keys"
    settings = {**accounts_environment, "HANDOFF_KEYS_DIRECTORY": str(keys), "SERVER1_DEMO": "1"}
    with running_accounts(settings, clock):
        (key,) = keys.glob("*.pem")
    make_first_signing_key(Config.from_environment(settings))
    assert list(keys.glob("*.pem")) == [key]


def test_a_client_may_be_given_as_json(accounts_environment, clock):
    clients = [
        {
            "client_id": "wiki",
            "name": "Wiki",
            "redirect_uris": ["https://wiki.example.com/callback"],
            "initiate_login_uri": "https://wiki.example.com/login",
        }
    ]
    settings = {**accounts_environment, "HANDOFF_CLIENTS": json.dumps(clients)}
    with running_accounts(settings, clock) as accounts:
        assert "Wiki" in accounts.app.test_client().get("/", base_url=accounts.issuer).text


def test_no_secret_is_shown_when_the_settings_are_printed():
    config = Config.from_environment(
        {
            "SERVER1_DATABASE_URL": "postgresql://u:a-secret@h/d",
            "SERVER1_DEMO": "1",
            "DEMO_PASSWORD": "a-secret",
        }
    )
    assert "a-secret" not in repr(config)
