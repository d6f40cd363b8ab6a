import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from flask_handoff import Client
from flask_handoff.errors import ConfigurationError
from flask_handoff.issuer.config import IssuerConfig
from flask_handoff.receiver.config import ReceiverConfig

CLIENT = {
    "client_id": "notes",
    "name": "Notes",
    "redirect_uris": ["https://notes.example.com/sso/callback"],
    "initiate_login_uri": "https://notes.example.com/sso/login",
}
ISSUER = {
    "HANDOFF_ISSUER": "https://accounts.example.com",
    "HANDOFF_KEYS_DIRECTORY": "keys",
    "HANDOFF_CLIENTS": [CLIENT],
}
RECEIVER = {
    "HANDOFF_ISSUER": "https://accounts.example.com",
    "HANDOFF_BASE_URL": "https://notes.example.com",
    "HANDOFF_CLIENT_ID": "notes",
}


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in os.environ:
        if name.startswith("HANDOFF_"):
            monkeypatch.delenv(name)


def configured(side, settings):
    app = Flask("config")
    app.config.update({name: value for name, value in settings.items() if value is not ...})
    return side(app)


def issuer(**changed):
    return configured(IssuerConfig, {**ISSUER, **changed})


def receiver(**changed):
    return configured(ReceiverConfig, {**RECEIVER, **changed})


# What holds unless something else is said.


def test_an_issuer_needs_three_settings():
    config = issuer()
    assert config.issuer == "https://accounts.example.com"
    assert config.keys_directory == Path("keys")
    assert [client.name for client in config.clients] == ["Notes"]
    assert config.internal_hosts == frozenset()


def test_a_receiver_needs_three_settings():
    config = receiver()
    assert config.redirect_uri == "https://notes.example.com/sso/callback"
    assert config.response_mode == "form_post"
    assert config.scope == {"openid", "profile", "email"}
    assert config.policy == "handoff"
    assert config.authorization_endpoint == "https://accounts.example.com/authorize"
    assert config.jwks_uri == "https://accounts.example.com/.well-known/jwks.json"
    assert (config.jwks_allow_http, config.pinned_keys, config.max_age) == (False, None, None)
    assert (config.default_target, config.landing) == ("/", "redirect")
    assert (config.attempt_cookie, config.internal_hosts) == ("handoff_tx_", frozenset())


@pytest.mark.parametrize(
    ("read", "name"),
    [*((issuer, name) for name in ISSUER), *((receiver, name) for name in RECEIVER)],
)
@pytest.mark.parametrize("missing", [..., None, ""])
def test_what_has_to_be_set_is_named(read, name, missing):
    with pytest.raises(ConfigurationError) as refused:
        read(**{name: missing})
    assert refused.value.problem == f"{name} is not set."
    assert refused.value.remedy.startswith("Give ")
    assert ".md" not in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HANDOFF_ISUER", "HANDOFF_ISSUER"),
        ("HANDOFF_RESPONSEMODE", "HANDOFF_RESPONSE_MODE"),
        ("HANDOFF_CLIENT", "HANDOFF_CLIENTS"),
        ("HANDOFF_KEY_DIRECTORY", "HANDOFF_KEYS_DIRECTORY"),
    ],
)
@pytest.mark.parametrize("read", [issuer, receiver])
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(read, name, meant):
    with pytest.raises(ConfigurationError) as refused:
        read(**{name: "x"})
    assert refused.value.problem == f"There is no setting {name}."
    assert refused.value.remedy == f"Perhaps {meant} was meant."


@pytest.mark.parametrize("read", [issuer, receiver])
def test_a_setting_that_resembles_none_of_ours_is_somebody_else_s(read):
    assert read(HANDOFF_SERVICE_PORT_80_TCP="tcp://10.0.0.1:80")


def test_a_misspelt_setting_is_refused_in_the_environment_too(monkeypatch):
    monkeypatch.setenv("HANDOFF_RESPONSEMODE", "query")
    with pytest.raises(ConfigurationError, match="There is no setting HANDOFF_RESPONSEMODE"):
        receiver()


def test_a_variable_that_is_empty_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("HANDOFF_LANDING", "")
    assert receiver().landing == "redirect"


def test_an_issuer_that_no_replay_store_could_keep_is_refused():
    with pytest.raises(ConfigurationError, match="longer than 255"):
        receiver(HANDOFF_ISSUER=f"https://{'a' * 250}.example.com")


def test_the_environment_is_read_and_the_application_s_own_settings_come_first(monkeypatch):
    monkeypatch.setenv("HANDOFF_DEFAULT_TARGET", "/from-the-environment")
    assert receiver().default_target == "/from-the-environment"
    assert receiver(HANDOFF_DEFAULT_TARGET="/mine").default_target == "/mine"


def test_one_application_may_have_the_settings_of_both_sides():
    both = {**ISSUER, **RECEIVER, "HANDOFF_BASE_URL": "https://accounts.example.com"}
    assert configured(IssuerConfig, both).issuer == configured(ReceiverConfig, both).issuer


# Each setting, well and badly.


GOOD = {
    "HANDOFF_ISSUER": ["https://idp.example.com/realms/one", "https://idp.example.com/"],
    "HANDOFF_BASE_URL": [
        "http://127.0.0.1:5002",
        "https://notes.example.com:8443",
        "https://a.example/app",
    ],
    "HANDOFF_URL_PREFIX": ["/", "/sso", "/sso/", "/a/b.c", "", None],
    "HANDOFF_RESPONSE_MODE": ["query", "form_post"],
    "HANDOFF_POLICY": ["handoff", "oidc"],
    "HANDOFF_LANDING": ["redirect", "refresh"],
    "HANDOFF_SCOPE": ["openid", "openid notes:read"],
    "HANDOFF_AUTHORIZATION_ENDPOINT": [
        "https://idp.example.com/o/authorize",
        "https://a.example?p=b",
    ],
    "HANDOFF_END_SESSION_ENDPOINT": ["https://idp.example.com/o/logout?p=b"],
    "HANDOFF_JWKS_URI": ["http://server1:5001/.well-known/jwks.json"],
    "HANDOFF_JWKS_ALLOW_HTTP": ["0", "1", True, False, 0, 1],
    "HANDOFF_PINNED_KEYS": ["", "keys.pem", Path("keys.pem")],
    "HANDOFF_BACKDATING": ["", None, "0", 0],
    "HANDOFF_DEFAULT_SCOPE": ["", None],
    "HANDOFF_DEFAULT_TARGET": ["/notes?page=1"],
    "HANDOFF_MAX_AGE": ["", None, "0", "3600", 3600, timedelta(hours=1), timedelta(0)],
    "HANDOFF_ATTEMPT_COOKIE": ["tx_", "s2_tx_", "T"],
    "HANDOFF_INTERNAL_HOSTS": [
        *("", "server2", "server2:5002, SERVER2 ,", "[::1]:5002", None),
        *(["server2"], ("a", "b"), {"a"}, frozenset()),
    ],
}
BAD = {
    "HANDOFF_ISSUER": [
        *("accounts.example.com", "http://accounts.example.com", "https://a.example/?x=1"),
        *("https://a.example/#x", "https://user@a.example", "https://a.example\n", 7, b"https://a"),
    ],
    "HANDOFF_BASE_URL": [
        *("https://notes.example.com/", "http://10.0.0.1", "notes", "https://a.example/app/"),
        *("https://a.example//app", "https://a.example/../b", "https://a.example/%61", "/app"),
        *("https://a.example/.", "https://a.example/a;b", "https://a.example/app?x"),
    ],
    "HANDOFF_URL_PREFIX": [
        "sso",
        "//",
        "/a//b",
        "/a/../b",
        "/a/.",
        "/<x>",
        "/%61",
        "/a b",
        "/\xe4",
        7,
    ],
    "HANDOFF_CLIENT_ID": ["a\nb", 7, ["notes"], b"notes"],
    "HANDOFF_RESPONSE_MODE": ["fragment", "QUERY", "query,form_post", 1, ["query"]],
    "HANDOFF_POLICY": ["lax", "HANDOFF", "none", True],
    "HANDOFF_LANDING": ["", "meta", 0],
    "HANDOFF_SCOPE": [
        "profile",
        "OPENID",
        'openid "',
        "openid ß",
        "openid " + "s" * 65,
        ["openid"],
    ],
    "HANDOFF_AUTHORIZATION_ENDPOINT": [
        "/authorize",
        "http://idp.example.com/",
        "https://a.example?client_id=x",
        *(f"https://a.example?{each}=x" for each in ("nonce", "prompt", "login_hint", "max_age")),
        "https://a.example/?p=a&scope",
        "https://a.example?x#y",
    ],
    "HANDOFF_END_SESSION_ENDPOINT": [
        *("/logout", "http://idp.example.com/", "https://a.example?a&state=x"),
    ],
    "HANDOFF_BACKDATING": ["-1", "five", "1.5", "1"],  # the last one with policy handoff
    "HANDOFF_DEFAULT_SCOPE": ['no"te', "x" * 65, 7, "notes:read"],
    "HANDOFF_JWKS_ALLOW_HTTP": ["yes", "true", "", None, 2, "on"],
    "HANDOFF_PINNED_KEYS": [7, "a\x00b"],
    "HANDOFF_DEFAULT_TARGET": ["notes", "//evil.example", "https://notes.example.com/", "/a/../b"],
    "HANDOFF_MAX_AGE": [
        *("-1", "1.5", "1h", "1" * 9, -1, 1.5, True, timedelta(seconds=-1), timedelta(days=10**6)),
    ],
    "HANDOFF_ATTEMPT_COOKIE": ["__Host-tx_", "tx-", "tx ", "1tx", "t" * 33, "tx;", "ß", 7],
    "HANDOFF_INTERNAL_HOSTS": ["http://server2", "a b", "server2/", "ß", [7], 7, b"a", True],
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(GOOD), ids=str)
def test_a_good_setting_is_accepted(name, value):
    assert receiver(**{name: value})


@pytest.mark.parametrize(("name", "value"), cases(BAD), ids=ascii)
def test_a_bad_setting_is_refused_by_its_name_with_a_remedy(name, value):
    with pytest.raises(ConfigurationError) as refused:
        receiver(**{name: value})
    assert refused.value.problem.startswith(name)
    assert refused.value.problem.endswith(".")
    assert refused.value.remedy.endswith(".")


def test_a_directory_may_have_a_name_in_any_script():
    path = "/home/\u0639\u0644\u06cc\u200c\u0631\u0636\u0627/keys"
    assert issuer(HANDOFF_KEYS_DIRECTORY=path).keys_directory == Path(path)


def test_settings_are_read_as_what_they_mean():
    config = receiver(
        HANDOFF_MAX_AGE="3600",
        HANDOFF_JWKS_ALLOW_HTTP="1",
        HANDOFF_PINNED_KEYS="keys.pem",
        HANDOFF_INTERNAL_HOSTS=" server2:5002, SERVER2 ,",
        HANDOFF_ISSUER="https://idp.example.com/",
    )
    assert config.max_age == timedelta(hours=1)
    assert config.jwks_allow_http is True
    assert config.pinned_keys == Path("keys.pem")
    assert config.internal_hosts == {"server2:5002", "server2"}
    assert config.issuer == "https://idp.example.com/"
    assert config.authorization_endpoint == "https://idp.example.com/authorize"


@pytest.mark.parametrize("age", [timedelta(minutes=5), 300, "300"])
def test_an_age_may_be_written_in_three_ways(age):
    assert receiver(HANDOFF_MAX_AGE=age).max_age == timedelta(minutes=5)


@pytest.mark.parametrize("url", ["https://accounts.example.com/", "https://a.example/path/"])
def test_an_issuer_of_our_own_has_no_slash_at_its_end(url):
    with pytest.raises(ConfigurationError, match="has a path that is not plain, or a slash at"):
        issuer(HANDOFF_ISSUER=url)


# Clients.


def test_clients_may_be_objects_tables_json_or_a_file(tmp_path):
    document = json.dumps([CLIENT])
    (tmp_path / "clients.json").write_text(document, encoding="utf-8-sig")
    client = Client(
        "notes", "Notes", (CLIENT["redirect_uris"][0],), str(CLIENT["initiate_login_uri"])
    )
    ways = [client], (CLIENT,), document, f"\n {document}", tmp_path / "clients.json"
    for way in (*ways, str(tmp_path / "clients.json")):
        assert list(issuer(HANDOFF_CLIENTS=way).clients) == [client]


@pytest.mark.parametrize(
    "value",
    [*("nothing.json", "[", "[{]", "{}", "\x00"), *(7, {"client_id": "notes"}, b"[]", Path("/"))],
    ids=ascii,
)
def test_clients_that_cannot_be_read_are_refused(value, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"^HANDOFF_CLIENTS (cannot be read|must be a list|holds)"
    ):
        issuer(HANDOFF_CLIENTS=value)


def test_of_a_file_of_clients_only_so_much_is_read(tmp_path):
    path = tmp_path / "clients.json"
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(
        ConfigurationError, match=r"^HANDOFF_CLIENTS cannot be read \(File too large"
    ):
        issuer(HANDOFF_CLIENTS=path)


def test_where_clients_are_no_json_is_told():
    with pytest.raises(ConfigurationError, match=r"no JSON from line 2, column 3 on"):
        issuer(HANDOFF_CLIENTS='[{"client_id": "notes",\n  name: 1}]')


@pytest.mark.parametrize("document", [b"\xff[]", b"{}", b"null", b"", b"[" * 100_000])
def test_a_file_that_holds_no_list_of_clients_is_refused(tmp_path, document):
    (tmp_path / "clients.json").write_bytes(document)
    with pytest.raises(ConfigurationError, match="HANDOFF_CLIENTS"):
        issuer(HANDOFF_CLIENTS=tmp_path / "clients.json")


def test_a_mistake_in_a_client_is_a_mistake_in_the_settings():
    with pytest.raises(ConfigurationError, match="missing"):
        issuer(HANDOFF_CLIENTS=[{"client_id": "notes"}])
