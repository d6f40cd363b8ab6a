"""Tokens that clients revoke at SERVER1, and what a service with its key is told about one."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from flask_handoff.issuer.clients.assertions import ASSERTION_TYPE
from server1.accounts import app_access
from server1.audit import Event
from tests.code_client import claims_of
from tests.servers.accounts_visitor import EMAIL, running_accounts
from tests.servers.audit_log import rows
from tests.servers.test_server1_app_access import agree, first_tokens, refresh
from tests.servers.test_server1_consent import (
    SECRET,
    SETTINGS,
    exchange,
    signed_in,
    userinfo,
    withdraw,
)
from tests.servers.test_server1_services import assertion

API = "https://orders.example"
ADD = (
    *("clients", "add", "Orders", "--kind", "receiver", "--client-id", "orders"),
    *("--resource", API, "--scope", "orders:read"),
)
WIKI = {"client_id": "wiki", "client_secret": SECRET}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the operator types commands."""
    folder = tmp_path / "operator"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_on(request, made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    with running_accounts({**made_environment, **SETTINGS}, clock, kept_applications) as running:
        yield running


def post(accounts, path, token, **fields):
    data = {"token": token, **(fields or WIKI)}
    return accounts.app.test_client().post(path, data=data, base_url=accounts.issuer)


def revoke(accounts, token, **fields):
    answer = post(accounts, "/revoke", token, **fields)
    assert (answer.status_code, answer.json) == (200, {}), answer.text


class Orders:
    """An API that holds nothing but its key file."""

    def __init__(self, accounts, folder):
        self._accounts = accounts
        accounts.run(*ADD, "--key-file", "orders.json")
        self._path = folder / "orders.json"

    def knows(self, token):
        """Return what it is told about a token."""
        signed = assertion(json.loads(self._path.read_text()), self._accounts.clock)
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        answer = post(self._accounts, "/introspect", token, **form)
        assert answer.status_code == 200, answer.text
        return answer.json

    def lets_in(self, token):
        return self.knows(token)["active"]


def token_for(visitor, scope="orders:read", **asked):
    return exchange(visitor.accounts, agree(visitor, scope=scope, **asked)).json


def of_service(accounts, folder):
    add = ("clients", "add", "Report", "--service", "--scope", "orders:read")
    accounts.run(*add, "--client-id", "report")
    service = json.loads((folder / "report.json").read_text())

    def ask(path, **fields):
        form = {"client_assertion_type": ASSERTION_TYPE, **fields}
        form["client_assertion"] = assertion(service, accounts.clock)
        return accounts.app.test_client().post(path, data=form, base_url=accounts.issuer)

    return ask


# Revoked.


def test_an_app_that_revokes_its_refresh_token_has_no_access(accounts_on):
    visitor = signed_in(accounts_on)
    tokens = first_tokens(visitor)
    assert "/account/apps/end" in visitor.get("/account").text
    revoke(accounts_on, tokens["refresh_token"])
    assert refresh(accounts_on, tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert userinfo(accounts_on, tokens["access_token"]).status_code == 401
    assert "/account/apps/end" not in visitor.get("/account").text
    (ended,) = rows(accounts_on, Event.APP_ACCESS_ENDED)
    family = claims_of(tokens["access_token"])["jti"][:24]
    assert (ended.subject, ended.client_id) == (accounts_on.find().subject, "wiki")
    assert (ended.detail, ended.reason) == (f"app {family}", "revoked_by_client")
    revoke(accounts_on, tokens["refresh_token"])
    assert len(rows(accounts_on, Event.APP_ACCESS_ENDED)) == 1


def test_an_access_token_that_is_revoked_leaves_the_access(accounts_on):
    tokens = first_tokens(signed_in(accounts_on))
    revoke(accounts_on, tokens["access_token"])
    assert userinfo(accounts_on, tokens["access_token"]).status_code == 401
    after = refresh(accounts_on, tokens["refresh_token"]).json
    assert userinfo(accounts_on, after["access_token"]).status_code == 200
    (revoked,) = rows(accounts_on, Event.TOKEN_REVOKED)
    assert (revoked.subject, revoked.client_id) == (accounts_on.find().subject, "wiki")
    jwt_id = claims_of(tokens["access_token"])["jti"]
    assert revoked.detail == f"{jwt_id}, for {accounts_on.issuer}"


def test_a_service_revokes_a_token_of_its_own(accounts_on, folder):
    orders = Orders(accounts_on, folder)
    ask = of_service(accounts_on, folder)
    token = ask("/token", grant_type="client_credentials").json["access_token"]
    assert orders.lets_in(token)
    assert ask("/revoke", token=token).status_code == 200
    assert orders.knows(token) == {"active": False}
    (revoked,) = rows(accounts_on, Event.TOKEN_REVOKED)
    assert (revoked.subject, revoked.client_id) == (None, "report")


def test_another_clients_tokens_are_left_alone(accounts):
    tokens = first_tokens(signed_in(accounts))
    for name in ("access_token", "refresh_token"):
        revoke(accounts, tokens[name], client_id="terminal")
    assert userinfo(accounts, tokens["access_token"]).status_code == 200
    assert refresh(accounts, tokens["refresh_token"]).status_code == 200
    assert rows(accounts, Event.TOKEN_REVOKED, Event.APP_ACCESS_ENDED) == []


def test_to_be_refused_there_is_recorded(accounts):
    answer = post(accounts, "/revoke", "x", client_id="wiki", client_secret="wrong")
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    (refused,) = rows(accounts, Event.TOKENS_REFUSED)
    assert refused.detail.startswith("client_authentication: ")


def test_a_database_that_is_down_is_never_done(accounts):
    tokens = first_tokens(signed_in(accounts))
    with accounts.database.writing() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    for name in ("access_token", "refresh_token"):
        answer = post(accounts, "/revoke", tokens[name])
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    with accounts.database.writing() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO audit"))
    assert userinfo(accounts, tokens["access_token"]).status_code == 200
    assert refresh(accounts, tokens["refresh_token"]).status_code == 200


def test_many_at_once_leave_no_access_and_no_error(accounts_on):
    token = first_tokens(signed_in(accounts_on))["refresh_token"]

    def work(number):
        if number % 2:
            return post(accounts_on, "/revoke", token).status_code
        return refresh(accounts_on, token).status_code

    with ThreadPoolExecutor(8) as threads:
        assert {*threads.map(work, range(24))} <= {200, 400}
    assert refresh(accounts_on, token).status_code == 400
    with accounts_on.app.app_context():
        assert app_access.access_of(accounts_on.find().subject, accounts_on.clock()) == []
    assert len(rows(accounts_on, Event.APP_ACCESS_ENDED)) == 1


def test_no_revoked_token_stands_in_the_database(accounts):
    tokens = first_tokens(signed_in(accounts))
    secrets = [tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    for token in secrets:
        revoke(accounts, token)
    with accounts.database.reading() as connection:
        for table in ("handoff_revoked_tokens", "handoff_refresh_families", "audit"):
            kept = repr(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
            assert not [one for one in secrets if one[-40:] in kept]


# Introspected.


def test_a_service_with_its_key_learns_about_tokens_for_it(accounts_on, folder):
    orders = Orders(accounts_on, folder)
    visitor = signed_in(accounts_on)
    token = token_for(visitor)["access_token"]
    found = orders.knows(token)
    assert (found["active"], found["aud"], found["scope"]) == (True, API, "orders:read")
    assert (found["sub"], found["client_id"]) == (accounts_on.find().subject, "wiki")
    assert found["sid"] == claims_of(token)["sid"]
    for_another = token_for(visitor, "openid")["access_token"]
    assert orders.knows(for_another) == {"active": False}


@pytest.mark.parametrize("away", [False, True], ids=["session", "away"])
@pytest.mark.parametrize("which", ["sign out", "withdraw", "disable the account"])
def test_what_ends_an_access_ends_its_tokens(accounts, folder, which, away):
    orders = Orders(accounts, folder)
    visitor = signed_in(accounts)
    token = token_for(visitor, f"orders:read {'offline_access' if away else ''}".strip())
    assert orders.lets_in(token["access_token"])
    if which == "sign out":
        visitor.sign_out()
    elif which == "withdraw":
        withdraw(visitor, "wiki")
    else:
        accounts.run("users", "disable", EMAIL)
    stays = away and which == "sign out"
    assert orders.lets_in(token["access_token"]) == stays
    if away:
        assert post(accounts, "/introspect", token["refresh_token"]).json["active"] == stays


def test_a_disabled_service_has_no_active_token(accounts, folder):
    orders = Orders(accounts, folder)
    token = of_service(accounts, folder)("/token", grant_type="client_credentials").json
    accounts.run("clients", "disable", "report")
    assert orders.knows(token["access_token"]) == {"active": False}
    accounts.run("clients", "enable", "report")
    assert orders.knows(token["access_token"]) == {"active": False}, "disabled is for good"


def test_introspection_writes_nothing(accounts):
    tokens = first_tokens(signed_in(accounts))
    before = everything(accounts)
    for name in ("access_token", "refresh_token", "id_token"):
        assert post(accounts, "/introspect", tokens[name]).status_code == 200
    assert everything(accounts) == before


def everything(accounts):
    with accounts.database.reading() as connection:
        query = text("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = connection.execute(query).scalars().all()
        return {
            table: connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
            for table in tables
        }


# The key of a receiver.


def test_a_receiver_gets_a_key_file(accounts, folder):
    result = accounts.run(*ADD, "--key-file", "orders.json")
    document = json.loads((folder / "orders.json").read_text())
    assert (document["type"], document["client_id"]) == ("receiver", "orders")
    assert stat.S_IMODE((folder / "orders.json").stat().st_mode) == 0o600
    assert "authentication  private_key_jwt" in result.output
    assert f"key ID (kid)    {document['key_id']}" in result.output
    assert "Its private key is in orders.json, and nowhere else." in result.output


def test_a_receivers_key_is_rotated(accounts, folder):
    orders = Orders(accounts, folder)
    token = token_for(signed_in(accounts))["access_token"]
    accounts.run("clients", "rotate", "orders", "--key-file", "next.json")
    document = json.loads((folder / "next.json").read_text())
    assert document["type"] == "receiver"
    assert orders.lets_in(token)
    (folder / "next.json").rename(folder / "orders.json")
    assert orders.lets_in(token)


def test_a_receiver_with_a_key_gets_no_tokens(accounts, folder):
    Orders(accounts, folder)
    signed = assertion(json.loads((folder / "orders.json").read_text()), accounts.clock)
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
    form |= {"grant_type": "client_credentials"}
    answer = accounts.app.test_client().post("/token", data=form, base_url=accounts.issuer)
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")


def test_a_receiver_without_a_key_is_told_nothing(accounts):
    accounts.run(*ADD)
    token = token_for(signed_in(accounts))["access_token"]
    answer = post(accounts, "/introspect", token, client_id="orders")
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
