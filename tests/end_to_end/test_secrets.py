"""What must be in no log and in no database, looked for after whole journeys."""

import sqlite3
from contextlib import closing
from secrets import token_hex as random_text
from urllib.parse import quote, urljoin

import pytest

from tests.end_to_end.conftest import opening_browsers
from tests.end_to_end.journey import action_of, fields_of, parameters_of
from tests.end_to_end.mailbox import link_mailed_to, token_of
from tests.end_to_end.raw_http import ask, head


@pytest.fixture(scope="module", params=["query_pair", "form_post_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def secrets(pair):
    """Go the whole way, with a few missteps, and return every secret that was met."""
    with opening_browsers(pair) as new_browser:
        return secrets_met(pair, new_browser(), new_browser)


def secrets_met(pair, browser, new_browser):
    met = {"password": pair.password}
    login = browser.arrive("/session")
    met["continue"] = fields_of(login)["continue"]
    met["typed"] = "typed-canary-0123456789"
    for in_the_wrong_field in (pair.password, met["typed"]):
        browser.sign_in("a password", email=in_the_wrong_field)
    browser.get(f"{pair.server1.base_url}/authorize?client_id={met['typed']}&state={met['typed']}")
    met.update(live_with_an_account(pair, new_browser()))
    refused = browser.sign_in(f"{pair.password} mistyped", login)
    browser.sign_in(pair.password, refused)
    answer = browser.get(browser.begin().headers["Location"])
    redirect = answer.headers.get("Location")
    fields = parameters_of(redirect) if redirect else fields_of(answer)
    met["token"] = fields["id_token"]
    met.update(browser.cookies("s"))  # the count of landings is no secret
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


def live_with_an_account(pair, browser):
    """Sign up, confirm, recover, change password and address; return every secret of that."""
    chosen, reset, changed = (random_text(16) for _ in range(3))
    address = f"{random_text(8)}@example.com"

    def submit(page, **fields):
        page = browser.get(urljoin(pair.server1.base_url, page))
        answer = browser.post(urljoin(page.url, action_of(page)), {**fields_of(page), **fields})
        return browser.follow(answer)

    def open_link(purpose, to, **fields):
        link = link_mailed_to(pair.server1, to, purpose)
        if fields:
            assert submit(link, **dict.fromkeys(fields, "short")).status_code == 400
        assert submit(link, **fields).status_code == 200
        browser.get(f"{pair.server1.base_url}/no-such-page?token={token_of(link)}")
        return token_of(link)

    submit("/signup", email=address, name="Eve", password=chosen)
    met = {"chosen": chosen, "mailed": open_link("verify-email", address)}
    submit("/forgot-password", email=address)
    met |= {"reset": reset, "reset link": open_link("reset-password", address, password=reset)}
    assert browser.sign_in(chosen, email=address).status_code == 403
    assert "You are signed in" in browser.sign_in(reset, email=address).text
    met["cookie of the account"] = browser.cookies()["s1_session"]
    submit("/account/password", password=f"{reset} mistyped", new_password=changed)
    submit("/account/password", password=reset, new_password=changed)
    submit("/account/email", email=f"new-{address}", password=f"{changed} mistyped")
    submit("/account/email", email=f"new-{address}", password=changed)
    met |= {"changed": changed, "change link": open_link("change-email", f"new-{address}")}
    assert f"new-{address}" in browser.get(f"{pair.server1.base_url}/account").text
    submit("/account/delete", password=f"{changed} mistyped")
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
        assert "@example.com" not in server.log
        assert found(secrets, server.log) == []


def test_no_database_holds_a_secret(pair, secrets):
    for server in (pair.server1, pair.server2):
        with closing(sqlite3.connect(server.folder / f"{server.name}.sqlite3")) as database:
            assert found(secrets, "\n".join(database.iterdump())) == []


def test_the_audit_log_was_written_meanwhile(pair, secrets):
    events = {"signed_in", "sign_in_failed", "handoff_issued", "handoff_refused"}
    events |= {"signed_up", "email_verified", "reset_requested", "password_reset"}
    events |= {"password_changed", "email_change_requested", "email_changed", "link_mailed"}
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
