"""The registry of clients: what an operator types, and what it means to the clients."""

import hashlib
import json
import re
from typing import Any

import pytest
from sqlalchemy import select, text

from server1.audit import Event
from server1.clients.registry import clients
from tests.servers.accounts_visitor import CLIENTS, Visitor, hidden_fields, running_accounts
from tests.servers.audit_log import rows
from tests.servers.statements import noted

ADD = ("clients", "add", "Wiki", "--kind", "web", "--redirect-uri", "https://wiki.example/callback")
WIKI = ("--client-id", "wiki")


def table(accounts):
    with accounts.database.reading() as connection:
        return connection.execute(select(clients)).all()


def secret_in(result):
    return re.search(r"client_secret:? +(\S+)", result.output)[1]


def ask_for_tokens(accounts, secret, client_id="wiki", **fields):
    """Ask with a code that nobody has: a client that is known is told that, and no other is."""
    answer = accounts.app.test_client().post(
        "/token",
        data={"grant_type": "authorization_code", "code": "A" * 43, **fields},
        auth=(client_id, secret),
        base_url=accounts.issuer,
    )
    return answer.json["error"]


def authorize(visitor, client_id="wiki", redirect_uri="https://wiki.example/callback"):
    return visitor.authorize(
        client_id=client_id,
        redirect_uri=redirect_uri,
        response_type="code",
        scope="openid profile",
    )


def listed(accounts):
    lines = accounts.run("clients", "list").output.splitlines()
    return {line.split()[0]: re.split(r"\s{2,}", line) for line in lines[1:]}


def test_a_web_client_gets_a_secret_that_is_kept_hashed(accounts_on):
    result = accounts_on.run(*ADD)
    secret = secret_in(result)
    (row,) = table(accounts_on)
    assert f"client_id       {row.client_id}" in result.output
    for line in (
        "issuer          http://localhost:5001",
        "discovery URL   http://localhost:5001/.well-known/openid-configuration",
        "redirect URI    https://wiki.example/callback",
        "authentication  client_secret_basic or client_secret_post",
        "response type   code",
    ):
        assert line in result.output
    assert len(secret) == 43
    assert row.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(row)
    assert ask_for_tokens(accounts_on, secret, row.client_id) == "invalid_grant"
    assert ask_for_tokens(accounts_on, "x" * 43, row.client_id) == "invalid_client"


def test_a_registered_client_signs_a_user_in(accounts_on):
    secret = secret_in(accounts_on.run(*ADD, *WIKI))
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    page = visitor.get(authorize(visitor).location)
    assert "Allow Wiki?" in page.text
    fields = {**hidden_fields(page.text), "answer": "agree"}
    answer = visitor.get(visitor.post("/consent", fields).location)
    code = re.search("code=([^&]+)", answer.location)[1]
    tokens = accounts_on.app.test_client().post(
        "/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": "https://wiki.example/callback",
        },
        auth=("wiki", secret),
        base_url=accounts_on.issuer,
    )
    assert tokens.json["scope"] == "openid profile"


@pytest.mark.parametrize(
    ("kind", "redirect_uri", "authentication", "fields"),
    [
        ("native", "com.example.app:/callback", "none, with PKCE (S256)", {"native": True}),
        ("native", "http://127.0.0.1/", "none, with PKCE (S256)", {"native": True}),
        ("browser", "https://app.example/", "none, with PKCE (S256)", {"policy": "oidc"}),
        ("receiver", "https://notes.example/cb", "none: it gets no code", {"policy": "handoff"}),
    ],
)
def test_other_kinds_have_no_secret(accounts, kind, redirect_uri, authentication, fields):
    options = ("--kind", kind, "--redirect-uri", redirect_uri, "--client-id", "app")
    result = accounts.run("clients", "add", "App", *options)
    assert "secret" not in result.output
    assert f"authentication  {authentication}" in result.output
    with accounts.app.app_context():
        client = accounts.app.extensions["handoff_issuer"].clients.client("app")
    assert {name: getattr(client, name) for name in fields} == fields
    assert client.secret_hashes == ()
    refused = accounts.try_to_run("clients", "rotate", "app")
    assert "App is a public client: it has no secret." in refused.output


def test_all_that_is_given_is_registered(accounts):
    accounts.run(
        *("clients", "add", "Orders", "--kind", "receiver", "--client-id", "orders"),
        *("--redirect-uri", "https://o.example/1", "--redirect-uri", "https://o.example/2"),
        *("--initiate-login-uri", "https://o.example/login", "--first-party"),
        *("--backchannel-logout-uri", "https://o.example/logout"),
        *("--resource", "https://o.example", "--scope", "orders:read", "--scope", "orders:write"),
    )
    with accounts.app.app_context():
        client = accounts.app.extensions["handoff_issuer"].clients.client("orders")
    assert client.redirect_uris == ("https://o.example/1", "https://o.example/2")
    assert client.initiate_login_uri == "https://o.example/login"
    assert client.backchannel_logout_uri == "https://o.example/logout"
    assert (client.resource, client.first_party) == ("https://o.example", True)
    assert client.scopes == {"orders:read", "orders:write"}
    visitor = Visitor(accounts)
    visitor.sign_in()
    assert "Continue to Orders" in visitor.get("/").text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("--redirect-uri", "http://wiki.example/"), "redirect_uris of client 'Wiki'"),
        (("--redirect-uri", "com.example.app:/callback"), "Only a native client"),
        (("--backchannel-logout-uri", f"https://w.example/{'x' * 1024}"), "at most 1024"),
        (("--client-id", "server2"), "Another client has this client_id: 'server2'."),
        (("--client-id", "a name"), "client_id"),
        (("--client-id", ""), "client_id of client"),
        (("--scope", "orders:read"), "scopes of client"),
        (("--resource", "https://wiki.example"), "scopes of client"),
        (("--resource", "http://localhost:5001/", "--scope", "a"), "This server itself"),
        (
            ("--resource", "http://127.0.0.1:5002/", "--scope", "a"),
            "Another client has this resource",
        ),
        (
            ("--resource", "https://wiki.example", "--scope", "notes:read"),
            "The API of Notes knows the scope notes:read already.",
        ),
        (("--resource", "https://wiki.example", "--scope", "openid"), "not OpenID Connect's"),
        (("--initiate-login-uri", "javascript:alert(1)"), "initiate_login_uri of client 'Wiki'"),
        (("--backchannel-logout-uri", "http://wiki.example/"), "backchannel_logout_uri"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(
    made_environment, clock, kept_applications, change, sentence
):
    notes = {
        **json.loads(CLIENTS)[0],
        "resource": "http://127.0.0.1:5002",
        "scopes": ["notes:read"],
    }
    settings = {**made_environment, "HANDOFF_CLIENTS": json.dumps([notes])}
    with running_accounts(settings, clock, kept_applications) as accounts:
        before = len(rows(accounts))
        wiki = () if "--client-id" in change else WIKI
        refused = accounts.try_to_run(*ADD, *wiki, *change)
        assert refused.exit_code != 0
        assert sentence in refused.output
        assert "Traceback" not in refused.output
        assert table(accounts) == []
        assert len(rows(accounts)) == before


def test_two_apis_may_differ_by_a_slash_below_a_path(accounts):
    for name, path in (("one", "api"), ("two", "api/")):
        resource = ("--resource", f"https://wiki.example/{path}", "--scope", f"{name}:read")
        accounts.run(*ADD, "--client-id", name, *resource)
    assert listed(accounts).keys() == {"server2", "one", "two"}


def test_a_refused_client_is_called_by_its_name(accounts):
    refused = accounts.try_to_run("clients", "add", "Orders", "--kind", "web")
    assert "redirect_uris of client 'Orders' is wrong." in refused.output


def test_a_redirect_uri_given_twice_is_registered_once(accounts):
    printed = accounts.run(*ADD, *ADD[-2:]).output
    assert printed.count("redirect URI") == 1


def test_nameless_clients_are_refused(accounts):
    for name in ("", " ", "a\nb", "x" * 101):
        refused = accounts.try_to_run("clients", "add", name, *ADD[3:], *WIKI)
        assert refused.exit_code == 1
    assert table(accounts) == []


def test_a_client_is_registered_once(accounts_on):
    accounts_on.run(*ADD, *WIKI)
    accounts_on.run("clients", "disable", "wiki")
    refused = accounts_on.try_to_run(*ADD, *WIKI)
    assert "Another client has this client_id: 'wiki'." in refused.output
    assert len(table(accounts_on)) == 1


def test_a_new_secret_leaves_the_one_before_a_day(accounts_on, clock):
    first = secret_in(accounts_on.run(*ADD, *WIKI))
    result = accounts_on.run("clients", "rotate", "wiki")
    second = secret_in(result)
    assert "former secret works until 2026-01-02 12:00 UTC, older ones no longer." in result.output
    assert "two until 2026-01-02 12:00 UTC" in listed(accounts_on)["wiki"]
    clock.tick(hours=23, minutes=59)
    assert [ask_for_tokens(accounts_on, each) for each in (first, second)] == ["invalid_grant"] * 2
    clock.tick(minutes=1)
    assert ask_for_tokens(accounts_on, first) == "invalid_client"
    assert ask_for_tokens(accounts_on, second) == "invalid_grant"
    assert "one" in listed(accounts_on)["wiki"]


def test_the_secret_before_the_last_two_is_void(accounts):
    first = secret_in(accounts.run(*ADD, *WIKI))
    second, third = (secret_in(accounts.run("clients", "rotate", "wiki")) for _ in range(2))
    assert ask_for_tokens(accounts, first) == "invalid_client"
    assert [ask_for_tokens(accounts, each) for each in (second, third)] == ["invalid_grant"] * 2


def test_a_leaked_secret_is_void_at_once(accounts):
    first = secret_in(accounts.run(*ADD, *WIKI))
    accounts.run("clients", "rotate", "wiki")
    result = accounts.run("clients", "rotate", "wiki", "--at-once")
    assert "Former secrets no longer work." in result.output
    assert ask_for_tokens(accounts, first) == "invalid_client"
    assert ask_for_tokens(accounts, secret_in(result)) == "invalid_grant"


def test_a_disabled_client_is_unknown_until_it_is_enabled(accounts_on):
    secret = secret_in(accounts_on.run(*ADD, *WIKI))
    visitor = Visitor(accounts_on)
    accounts_on.run("clients", "disable", "wiki")
    assert authorize(visitor).status_code == 400
    assert ask_for_tokens(accounts_on, secret) == "invalid_client"
    assert "disabled" in listed(accounts_on)["wiki"]
    accounts_on.run("clients", "enable", "wiki")
    assert authorize(visitor).location.startswith("/login?")
    assert ask_for_tokens(accounts_on, secret) == "invalid_grant"


@pytest.mark.parametrize("command", ["rotate", "disable", "enable"])
def test_a_client_that_is_not_registered_here_is_not_changed(accounts, command):
    for client_id in ("nobody", "server2"):
        refused = accounts.try_to_run("clients", command, client_id)
        assert refused.exit_code == 1
        assert (
            f"The database has no client of this name: '{client_id}'. One of HANDOFF_CLIENTS"
            in refused.output
        )


def test_every_change_is_recorded_once(accounts_on):
    accounts_on.run(*ADD, *WIKI, "--first-party")
    for arguments in (["rotate", "wiki"], ["rotate", "wiki", "--at-once"]):
        accounts_on.run("clients", *arguments)
    for command in ("disable", "disable", "enable", "enable"):
        accounts_on.run("clients", command, "wiki")
    found = rows(accounts_on)
    assert [(row.event, row.detail) for row in found if row.client_id == "wiki"] == [
        (Event.CLIENT_ADDED, "web, first-party, Wiki"),
        (Event.CLIENT_SECRET_ROTATED, "the former secret works for a day"),
        (Event.CLIENT_SECRET_ROTATED, "the former secret is revoked"),
        (Event.CLIENT_DISABLED, None),
        (Event.CLIENT_ENABLED, None),
    ]
    assert {row.address for row in found if row.client_id == "wiki"} == {"command line"}


def test_all_clients_are_listed_those_of_the_settings_first(accounts):
    accounts.run(*ADD, *WIKI)
    lines = accounts.run("clients", "list").output.splitlines()
    assert [re.split(r"\s{2,}", line) for line in lines] == [
        ["CLIENT", "NAME", "KIND", "STATE", "SECRET", "REGISTERED", "REDIRECT URIS"],
        [
            *("server2", "Notes", "receiver, first-party", "enabled", "none", "HANDOFF_CLIENTS"),
            "http://127.0.0.1:5002/sso/callback",
        ],
        [
            *("wiki", "Wiki", "web", "enabled", "one", "2026-01-01 12:00 UTC"),
            "https://wiki.example/callback",
        ],
    ]


def test_a_client_of_the_settings_is_listed_with_its_kind(made_environment, clock):
    hashed = {"secret_hashes": ["0" * 64]}
    address = {"redirect_uris": ["https://wiki.example/callback"]}
    code = {**address, "response_types": ["code"], "policy": "oidc"}
    kinds: dict[str, Any] = {
        "receiver": address,
        "web": {**code, **hashed},
        "native": {**code, "native": True},
        "browser": code,
        "service": {**hashed, "redirect_uris": [], "response_types": [], "service": True},
    }
    entries = [{"client_id": kind, "name": "Wiki", **entry} for kind, entry in kinds.items()]
    settings = {**made_environment, "HANDOFF_CLIENTS": json.dumps(entries)}
    with running_accounts(settings, clock) as accounts:
        assert {name: line[2] for name, line in listed(accounts).items()} == {
            kind: kind for kind in kinds
        }


def test_an_entry_of_the_settings_wins(accounts, made_environment, clock):
    accounts.run(*ADD, *WIKI)
    wiki = {**json.loads(CLIENTS)[0], "client_id": "wiki", "name": "The settings' wiki"}
    settings = {**made_environment, "HANDOFF_CLIENTS": json.dumps([wiki])}
    with running_accounts(settings, clock) as accounts:
        lines = accounts.run("clients", "list").output.splitlines()
        assert [re.split(r"\s{2,}", line)[1:4] for line in lines[1:]] == [
            ["The settings' wiki", "receiver, first-party", "enabled"],
            ["Wiki", "web", "overridden"],
        ]
        visitor = Visitor(accounts)
        assert authorize(visitor).status_code == 400
        visitor.sign_in()
        assert visitor.get("/").text.count("Continue to The settings&#39; wiki") == 1


def test_a_client_is_looked_up_by_one_statement(accounts):
    accounts.run(*ADD, *WIKI)
    with accounts.app.app_context():
        known = accounts.app.extensions["handoff_issuer"].clients
        with noted(accounts.database) as statements:
            known.client("server2")
            assert statements == []
            known.client("wiki")
    assert [each.split()[0] for each in statements if each != "COMMIT"][-1:] == ["SELECT"]
    assert sum(each.startswith("SELECT") for each in statements) == 1


@pytest.mark.parametrize("client_id", ["no\0name", "x" * 10_000, "ü", "' OR 1=1 --"])
def test_a_name_that_is_none_is_unknown(accounts_on, client_id):
    assert authorize(Visitor(accounts_on), client_id=client_id).status_code == 400
    assert ask_for_tokens(accounts_on, "x", client_id) == "invalid_client"


def test_a_registry_out_of_reach_lets_nobody_in(accounts):
    with accounts.database.writing() as connection:
        connection.execute(text("DROP TABLE clients"))
    visitor = Visitor(accounts)
    assert authorize(visitor).status_code == 503
    assert visitor.get("/").status_code == 503
    assert ask_for_tokens(accounts, "x") == "temporarily_unavailable"
