"""``/userinfo`` of SERVER1: a program that a user let in asks who they are."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_handoff.commands.explain import handoff_explain
from flask_handoff.issuer.clients.authentication import secret_hash
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts
from tests.servers.statements import noted
from tests.servers.test_handoff_cost import CALLS_ARE_KNOWN, calls_of

MOST_CALLS = 630  # of functions in Python and in C
CALLBACK = "https://wiki.example/callback"
SECRET = "a secret of the tests, as long as it takes"
WIKI = {
    "client_id": "wiki",
    "name": "Wiki",
    "redirect_uris": [CALLBACK],
    "response_types": ["code"],
    "response_modes": ["query"],
    "policy": "oidc",
    "secret_hashes": [secret_hash(SECRET)],
    "first_party": True,
}


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    settings = {**made_environment, "HANDOFF_CLIENTS": json.dumps([WIKI])}
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture
def visitor(accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    return visitor


@pytest.fixture
def token(accounts, visitor):
    """The access token that the client got for the visitor."""
    answer = visitor.authorize(
        client_id="wiki",
        redirect_uri=CALLBACK,
        response_type="code",
        scope="openid email",
        state="a-state",
        nonce="a-nonce",
    )
    body = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(answer.location).query)["code"][0],
        "redirect_uri": CALLBACK,
        "client_id": "wiki",
        "client_secret": SECRET,
    }
    tokens = accounts.app.test_client().post("/token", data=body, base_url=accounts.issuer)
    return tokens.json["access_token"]


def ask(accounts, token, method="GET", **headers):
    return accounts.app.test_client().open(
        "/userinfo",
        method=method,
        base_url=accounts.issuer,
        headers={"Authorization": f"Bearer {token}", **headers},
    )


def test_a_client_learns_who_let_it_in(accounts, token):
    answer = ask(accounts, token)
    assert answer.json == {
        "sub": accounts.find().subject,
        "email": EMAIL,
        "email_verified": True,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_script_of_another_site_needs_no_csrf_token(accounts, token, method):
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    answer = ask(accounts, token, method, **headers)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_session_of_a_browser_opens_nothing_here(accounts, visitor, method):
    assert visitor.is_signed_in
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    answer = visitor.client.open(
        "/userinfo", method=method, base_url=accounts.issuer, headers=headers
    )
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="userinfo"',
    )
    assert "Set-Cookie" not in answer.headers


def test_whoever_signs_out_takes_the_access_token_along(accounts, visitor, token):
    visitor.sign_out()
    assert ask(accounts, token).json["error"] == "invalid_token"


def test_a_disabled_account_tells_nothing(accounts, token):
    accounts.disable()
    assert ask(accounts, token).json["error"] == "invalid_token"


@pytest.mark.parametrize("option", [["--access"], []])
def test_an_operator_has_an_access_token_explained_here(accounts, token, option):
    runner = accounts.app.test_cli_runner()
    explained = runner.invoke(handoff_explain, option, input=token)
    assert explained.exit_code == 0, explained.output
    assert "  not_revoked      ok\n" in explained.output
    assert "  kind  access token\n" in explained.output
    assert "Every check passes that can be made here." in explained.output


def test_userinfo_reads_and_waits_for_nobody_who_writes(accounts, token):
    with noted(accounts.database) as statements:
        ask(accounts, token)
    assert [each for each in statements if each.startswith("BEGIN")] == ["BEGIN"]


def test_userinfo_costs_three_statements_of_one_transaction(accounts, token):
    with noted(accounts.database) as statements:
        ask(accounts, token)
        statements.clear()
        assert ask(accounts, token).status_code == 200
    kinds = [each.split(" ")[0] for each in statements]
    assert kinds == ["BEGIN", *["SELECT"] * 3, "COMMIT"]


@CALLS_ARE_KNOWN
def test_userinfo_takes_no_more_calls_than_before(accounts, token):
    assert calls_of(accounts.app, lambda: ask(accounts, token)) <= MOST_CALLS
