"""What must be in no log and in no database, looked for after whole journeys."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest

from tests.end_to_end.journey import fields_of, parameters_of
from tests.end_to_end.raw_http import ask, head


@pytest.fixture(params=["query_pair", "form_post_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def secrets(pair, browser):
    """Go the whole way, with a few missteps, and return every secret that was met."""
    met = {"password": pair.password}
    login = browser.arrive("/session")
    met["continue"] = fields_of(login)["continue"]
    met["typed"] = "typed-canary-0123456789"
    for in_the_wrong_field in (pair.password, met["typed"]):
        browser.sign_in("a password", email=in_the_wrong_field)
    browser.get(f"{pair.server1.base_url}/authorize?client_id={met['typed']}&state={met['typed']}")
    refused = browser.sign_in(f"{pair.password} mistyped", login)
    browser.sign_in(pair.password, refused)
    answer = browser.get(browser.begin().headers["Location"])
    redirect = answer.headers.get("Location")
    fields = parameters_of(redirect) if redirect else fields_of(answer)
    met["token"] = fields["id_token"]
    met.update(browser.cookies())
    browser.follow(answer)
    met["s2_session again"] = browser.cookies()["s2_session"]
    # Once more, and then in no browser at all: both are refused, and say so in the log.
    for place in ("/sso/callback", "/sso/finish"):
        browser.post(f"{pair.server2.base_url}{place}", fields)
        browser.get(f"{pair.server2.base_url}{place}?id_token={met['token']}&state=x&iss=y")
    met["attempt"] = next(value for name, value in met.items() if name.startswith("s2_tx_"))
    met["authorization"] = "Bearer-canary-0123456789"
    lines = (f"Authorization: Bearer {met['authorization']}", f"X-Token: {met['token']}")
    for server in (pair.server1, pair.server2):
        ask(server.address, head("GET /no-page HTTP/1.1", f"Host: {server.host}", *lines))
    browser.post(
        f"{pair.server2.base_url}/logout", fields_of(browser.get(f"{browser.server2}/logout"))
    )
    return met


def found(secrets, text):
    """Return which secrets stand in a text, whole or in parts long enough to be of use."""
    return [
        name
        for name, secret in secrets.items()
        for part in {secret, quote(secret), *secret.split(".")}
        if len(part) >= 16 and part in text
    ]


def test_no_log_holds_a_secret(pair, secrets):
    for server in (pair.server1, pair.server2):
        assert "request_id=" in server.log
        assert found(secrets, server.log) == []


def test_no_database_holds_a_secret(pair, secrets):
    for server in (pair.server1, pair.server2):
        with closing(sqlite3.connect(server.folder / f"{server.name}.sqlite3")) as database:
            assert found(secrets, "\n".join(database.iterdump())) == []


def test_the_audit_log_was_written_meanwhile(pair, secrets):
    events = {"signed_in", "sign_in_failed", "handoff_issued", "handoff_refused"}
    with closing(sqlite3.connect(pair.server1.folder / "server1.sqlite3")) as database:
        recorded = {event for (event,) in database.execute("SELECT event FROM audit")}
    assert events <= recorded
    for event in events:
        assert f'"event": "{event}"' in pair.server1.log


def test_a_secret_would_be_found(secrets):
    assert set(found(secrets, "&".join(secrets.values()))) == secrets.keys()


def test_the_two_share_no_file_and_no_secret(pair, browser):
    browser.sign_in(pair.password, browser.arrive())
    ones, twos = (
        {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (pair.server1.folder, pair.server2.folder)
    )
    assert ones["secret_key"] != twos["secret_key"]
    assert not any(name.endswith(".pem") for name in twos)
    assert b"argon2" not in twos["server2.sqlite3"]


def test_what_each_server_keeps_is_closed_to_other_users(pair):
    for server in (pair.server1, pair.server2):
        kept = [path for path in server.folder.rglob("*") if path.suffix != ".log"]
        assert [path.name for path in kept if path.is_file() and path.stat().st_mode & 0o077] == []
