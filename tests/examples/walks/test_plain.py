"""The plain pair, and the same with what its owners may have set up beside it."""

from pathlib import Path
from textwrap import indent

import flask_session
import pytest
from cachelib.file import FileSystemCache
from flask import redirect, request, session
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_handoff import KeyRing
from tests.examples.walks.browser import Browser
from tests.examples.walks.pairs import PASSWORD, load_pair
from tests.examples.walks.recipes import block_with, recipe

ISSUER, NOTES = "http://localhost:5001", "http://127.0.0.1:5002"


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load_pair("plain")


@pytest.fixture
def browser(pair):
    issuer, receiver = pair
    return Browser({ISSUER: issuer.app, NOTES: receiver.app})


def test_a_deep_link_leads_through_the_sign_in(browser):
    browser.visit(f"{NOTES}/notes?page=2")
    assert "Sign in to continue to Notes." in browser.text
    browser.sign_in(PASSWORD)
    assert browser.url == f"{NOTES}/notes?page=2"
    assert "the notes of Ada, page 2" in browser.text
    assert {*browser.cookies("127.0.0.1")} == {"notes_session", "landed_handoff_tx"}
    assert {*browser.cookies("localhost")} == {"issuer_session"}


def test_the_way_begins_at_the_issuer_as_well(browser):
    browser.visit(f"{ISSUER}/login")
    browser.sign_in(PASSWORD)
    browser.click("Continue to Notes")
    browser.press("Continue")
    browser.press("Continue")
    assert browser.url == f"{NOTES}/notes"
    assert "the notes of Ada" in browser.text


def test_a_wrong_password_leads_nowhere(browser):
    browser.visit(f"{NOTES}/notes")
    browser.sign_in("a wrong one")
    assert browser.url == f"{ISSUER}/login"
    browser.sign_in(PASSWORD)
    assert browser.url == f"{NOTES}/notes"


def test_a_strict_session_cookie_is_kept(pair, browser):
    pair[1].app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    browser.visit(f"{NOTES}/notes?page=3")
    browser.sign_in(PASSWORD)
    assert browser.cookies("127.0.0.1")["notes_session"]["samesite"] == "Strict"
    assert "the notes of Ada, page 3" in browser.text


@pytest.mark.parametrize(
    ("issuer", "notes"),
    [
        (f"{ISSUER}/accounts", NOTES),
        (ISSUER, f"{NOTES}/app"),
        (ISSUER, "http://localhost:5002"),  # one host, one cookie jar
    ],
)
def test_either_side_may_lie_elsewhere(tmp_path, monkeypatch, issuer, notes):
    monkeypatch.chdir(tmp_path)
    moved = {f'"{ISSUER}"': f'"{issuer}"', f'"{NOTES}"': f'"{notes}"'}
    pair = load_pair("plain", issuers=moved, receivers=moved)
    browser = Browser({origin_of(issuer): pair[0].app, origin_of(notes): pair[1].app})
    for module, address in zip(pair, (issuer, notes), strict=True):
        if path := address.removeprefix(origin_of(address)):
            module.app.wsgi_app = DispatcherMiddleware(NotFound(), {path: module.app.wsgi_app})
    browser.visit(f"{notes}/notes?page=4")
    browser.sign_in(PASSWORD)
    assert browser.url == f"{notes}/notes?page=4"
    assert "the notes of Ada, page 4" in browser.text
    browser.visit(f"{issuer}/")
    assert f"{notes}/sso/login" in browser.text


def origin_of(address):
    return "/".join(address.split("/")[:3])


def test_a_session_of_flask_session_gets_a_new_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clear, by_recipe = "session.clear()\n", block_with("regenerate(")
    pair = load_pair("plain", receivers={f"    {clear}": indent(by_recipe, "    ")})
    for module in pair:
        cache = FileSystemCache(f"sessions of {module.__name__}")
        module.app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
        flask_session.Session(module.app)
    receiver = pair[1]

    @receiver.app.before_request
    def look_at_notes():
        if request.path == "/notes":
            session["seen"] = "before the sign-in"

    browser = Browser({ISSUER: pair[0].app, NOTES: receiver.app})
    browser.visit(f"{NOTES}/notes")
    before = browser.cookies("127.0.0.1")["notes_session"]["value"]
    browser.sign_in(PASSWORD)
    assert "the notes of Ada" in browser.text
    assert browser.cookies("127.0.0.1")["notes_session"]["value"] != before


def test_an_async_view_leads_to_the_sign_in(pair, browser):
    _, receiver = pair

    @receiver.app.get("/later")
    async def later():
        if "account" not in session:
            return redirect(receiver.handoff.login_url(request.full_path), 303)
        return f"{session['name']} came later."

    browser.visit(f"{NOTES}/later")
    browser.sign_in(PASSWORD)
    assert browser.text == "Ada came later."


def test_tests_of_an_application_write_the_session_that_they_need(pair):
    app = pair[1].app
    assert app.test_client().get("/notes").status_code == 303
    assert "the notes of Ada" in recipe("signed_in")(app).get("/notes").text


def test_tests_of_an_application_arrive_as_users_do(pair):
    client = recipe("arrive")(pair[1].app, KeyRing.open(Path("keys")), name="Ada")
    assert "the notes of Ada" in client.get("/notes", base_url=NOTES).text
