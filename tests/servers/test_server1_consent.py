"""Software of somebody else's: its user is asked, and can take back what they agreed to."""

import base64
import hashlib
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from flask_handoff.issuer.clients.authentication import secret_hash
from server1.accounts.client_sessions import client_sessions
from server1.audit import Event
from tests.servers.accounts_visitor import (
    CLIENTS,
    EMAIL,
    Visitor,
    hidden_fields,
    running_accounts,
)
from tests.servers.audit_log import rows

SECRET = "a secret of the tests, as long as it takes"
VERIFIER = "a-verifier-of-the-tests-as-long-as-it-has-to-be"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
NOTES = {
    **json.loads(CLIENTS)[0],
    "resource": "http://127.0.0.1:5002",
    "scopes": ["notes:read", "notes:write"],
}
WIKI = {
    "client_id": "wiki",
    "name": "Wiki",
    "redirect_uris": ["https://wiki.example/callback"],
    "response_types": ["code"],
    "policy": "oidc",
    "secret_hashes": [secret_hash(SECRET)],
    "backchannel_logout_uri": "https://wiki.example/logout",
}
TERMINAL = {
    "client_id": "terminal",
    "name": "Terminal",
    "redirect_uris": ["http://127.0.0.1/", "com.example.terminal:/callback"],
    "response_types": ["code"],
    "policy": "oidc",
    "native": True,
}
SETTINGS = {"HANDOFF_CLIENTS": json.dumps([NOTES, WIKI, TERMINAL])}
REQUEST = {
    "client_id": "wiki",
    "redirect_uri": "https://wiki.example/callback",
    "response_type": "code",
    "scope": "openid profile",
    "state": "a-state",
    "nonce": None,
    "response_mode": None,
}


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_on(request, made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


def signed_in(accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    return visitor


def ask(visitor, **parameters):
    """Come from a client, and return where that leads."""
    wanted = {**REQUEST, **parameters}
    answer = visitor.authorize(**{name: value for name, value in wanted.items() if value})
    assert answer.status_code == 303
    return answer.location


def asked(visitor, **parameters):
    """Come from a client, and return the page that asks."""
    location = ask(visitor, **parameters)
    assert location.startswith("/consent?continue=")
    return visitor.get(location)


def answer(visitor, page, word="agree", **fields):
    """Answer the page, and return where the client's answer leads."""
    first = visitor.post("/consent", {**hidden_fields(page.text), "answer": word, **fields})
    assert first.status_code == 303
    if not first.location.startswith("/authorize?"):
        return first.location
    return visitor.get(first.location).location


def code_of(location):
    return parse_qs(urlsplit(location).query)["code"][0]


def exchange(accounts, code, **fields):
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REQUEST["redirect_uri"],
        "client_id": "wiki",
        "client_secret": SECRET,
        **fields,
    }
    return accounts.app.test_client().post("/token", data=data, base_url=accounts.issuer)


def permissions(page):
    shown = re.search(r'<ul class="permissions">(.*?)</ul>', page.text, re.DOTALL)
    return re.findall("<li>(.*)</li>", shown[1]) if shown else []


def test_who_agrees_arrives_and_the_client_gets_its_tokens(accounts_on):
    visitor = signed_in(accounts_on)
    page = asked(visitor, scope="openid profile email")
    assert "Allow Wiki?" in page.text
    assert "wiki.example" in page.text
    assert EMAIL in page.text
    assert permissions(page) == ["see your name", "see your e-mail address"]
    location = answer(visitor, page)
    assert location.startswith("https://wiki.example/callback?code=")
    tokens = exchange(accounts_on, code_of(location))
    assert tokens.status_code == 200, tokens.text
    assert tokens.json["scope"] == "email openid profile"
    assert [(row.event, row.client_id, row.detail) for row in rows(accounts_on)[2:]] == [
        ("consent_given", "wiki", "scope email openid profile"),
        ("handoff_issued", "wiki", f"session {sid(accounts_on)}, scope email openid profile"),
        (
            *("tokens_issued", "wiki"),
            f"session {sid(accounts_on)}, for http://localhost:5001, scope email openid profile",
        ),
    ]


def sid(accounts):
    (session,) = accounts.session_rows()
    return session.sid
