"""Flask-Login, Talisman's defaults and CSRF protection on both sides, behind proxies with TLS."""

import threading
from contextlib import contextmanager
from wsgiref.simple_server import make_server

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
    addresses = {"ISSUER": ISSUER, "NOTES": NOTES}
    return lambda **changes: load_pair("with_flask_login", **{**addresses, **changes})


def browser_of(pair):
    issuer, receiver = pair
    return Browser({ISSUER: issuer.app, NOTES: receiver.app})


@contextmanager
def listening():
    with make_server("127.0.0.1", 0, None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_login_view_leads_to_the_page_that_was_wanted(load):
    browser = browser_of(load())
    browser.visit(TODAY)
    assert browser.url.startswith(f"{ISSUER}/login?continue=")
    browser.sign_in(PASSWORD)
    assert browser.url == TODAY
    assert "the notes of Ada about bücher lesen" in browser.text
    for host in ("accounts.example.com", "notes.example.net"):
        assert all("secure" in cookie for cookie in browser.cookies(host).values())


def test_who_signs_out_here_leaves_no_cookie_that_is_good(load):
    browser = browser_of(load())
    browser.visit(TODAY)
    browser.sign_in(PASSWORD)
    kept = browser.cookies("notes.example.net")["notes_session"]["value"]
    browser.press("Sign out here")
    assert browser.url == f"{NOTES}/"
    receiver = browser.clients[NOTES]
    headers = {"X-Forwarded-Proto": "https", "Cookie": f"notes_session={kept}"}
    answer = receiver.get("/notes/today", base_url="http://notes.example.net", headers=headers)
    assert answer.location.startswith("/sso/login")


def test_who_signs_out_at_the_issuer_is_signed_out_at_the_service(load):
    with listening() as server:
        notes = f"http://127.0.0.1:{server.server_port}"
        issuer, receiver = load(NOTES=notes)
        receiver.app.debug = True  # as on one's own machine, where nothing speaks https
        server.set_app(receiver.app)
        browser = Browser({ISSUER: issuer.app, notes: receiver.app})
        browser.visit(f"{notes}/notes/today")
        browser.sign_in(PASSWORD)
        assert "the notes of Ada" in browser.text
        browser.visit(f"{ISSUER}/")
        browser.press("Sign out")
        for thread in threading.enumerate():
            if thread.name == "logout":
                thread.join()
    browser.visit(f"{notes}/notes/today")
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
