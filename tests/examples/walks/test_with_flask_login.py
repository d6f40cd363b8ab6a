"""Flask-Login, Talisman's defaults and CSRF protection on both sides, behind proxies with TLS."""

import pytest
from flask import redirect, request

from tests.examples.walks.browser import Browser
from tests.examples.walks.pairs import PASSWORD, load_pair
from tests.examples.walks.recipes import recipe

ISSUER, NOTES = "https://accounts.example.com", "https://notes.example.net"
TODAY = f"{NOTES}/notes/b%C3%BCcher%20lesen"


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda **changes: load_pair("with_flask_login", ISSUER=ISSUER, NOTES=NOTES, **changes)


def browser_of(pair):
    issuer, receiver = pair
    return Browser({ISSUER: issuer.app, NOTES: receiver.app})


def test_login_view_leads_to_the_page_that_was_wanted(load):
    browser = browser_of(load())
    browser.visit(TODAY)
    assert browser.url.startswith(f"{ISSUER}/login?continue=")
    browser.sign_in(PASSWORD)
    assert browser.url == TODAY
    assert "the notes of Ada about bücher lesen" in browser.text
    for host in ("accounts.example.com", "notes.example.net"):
        assert all("secure" in cookie for cookie in browser.cookies(host).values())


def test_both_sides_sign_out(load):
    browser = browser_of(load())
    browser.visit(TODAY)
    browser.sign_in(PASSWORD)
    browser.press("Sign out here")
    assert browser.url == f"{NOTES}/"
    browser.visit(f"{ISSUER}/")
    browser.press("Sign out")
    browser.visit(TODAY)
    assert "Sign in to continue to Notes." in browser.text


def test_an_unauthorized_handler_keeps_the_page_that_was_wanted(load):
    pair = load()
    handoff, login_manager = pair[1].handoff, pair[1].login_manager

    @login_manager.unauthorized_handler
    def unauthorized():
        return redirect(handoff.login_url(request.full_path), 303)

    browser = browser_of(pair)
    browser.visit(f"{TODAY}?page=2")
    browser.sign_in(PASSWORD)
    assert browser.url == f"{TODAY}?page=2"


def test_a_form_of_the_application_still_needs_its_csrf_token(load):
    issuer, _ = pair = load()
    browser = browser_of(pair)
    browser.visit(f"{ISSUER}/login")
    headers = {"X-Forwarded-Proto": "https"}
    refused = issuer.app.test_client().post(
        "/login", base_url="http://accounts.example.com", headers=headers
    )
    assert (refused.status_code, "CSRF" in refused.text) == (400, True)


def test_talisman_leaves_policies_alone_where_it_is_told_to(load):
    issuer, receiver = load(
        issuers={"Talisman(app)": "talisman = Talisman(app)"},
        receivers={"Talisman(app)": "talisman = Talisman(app)"},
    )
    browser = browser_of((issuer, receiver))
    browser.visit(TODAY)
    browser.press("Sign in", email="ada@example.com", password=PASSWORD)
    policy = browser.answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'self'; object-src 'none'"
    for module in (issuer, receiver):
        recipe("keep_own_policies")(module.app, module.talisman)
    browser.visit(TODAY)
    policy = browser.answer.headers["Content-Security-Policy"]
    assert "script-src 'nonce-" in policy
    assert f"form-action {NOTES}" in policy
    browser.press("Continue")
    browser.press("Continue")
    assert browser.url == TODAY
    policy = browser.answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'self'; object-src 'none'"
