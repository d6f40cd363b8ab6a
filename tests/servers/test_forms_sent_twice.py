"""The forms of both servers, sent twice by a double click, or after the secret key has changed."""

from pathlib import Path

import pytest

from flask_service.database import database_of
from server1.mail.queue import EmailKind
from server2 import create_app
from server2.config import Config
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, build, hidden_fields, user_rows
from tests.servers.mail_room import MailRoom, token_in

NEW_PASSWORD = "lilac engine 49 quarry"
BOBS = {"email": "bob@example.com", "name": "Bob", "password": NEW_PASSWORD}
SIGN_IN = {"email": EMAIL, "password": PASSWORD}
# Page, path, what is typed, and the page that follows; the page of a link gets its token.
PUBLIC_FORMS = [
    ("/login", "/login", SIGN_IN, "You are signed in as"),
    ("/signup", "/signup", BOBS, "Check your inbox"),
    ("/forgot-password", "/forgot-password", {"email": EMAIL}, "Check your inbox"),
    ("/verify-email/again", "/verify-email/again", {"email": EMAIL}, "Check your inbox"),
]
OWN_FORMS = [
    ("/account/name", "/account/name", {"name": "Ada L."}, "Your name is changed"),
    (
        "/account/password",
        "/account/password",
        {"password": PASSWORD, "new_password": NEW_PASSWORD},
        "Your password is changed",
    ),
    (
        "/account/email",
        "/account/email",
        {"email": "new@example.com", "password": PASSWORD},
        "Check the inbox",
    ),
    ("/account", "/account/sessions/end-others", {}, "All other sessions have ended"),
    ("/account/delete", "/account/delete", {"password": PASSWORD}, "Your account is deleted"),
    ("/logout", "/logout", {}, "You are signed out"),
]


def send_twice(visitor, page, path, typed, *, first_answer):
    """Send a form twice; with the first answer read, or lost as by a click that came sooner."""
    data = {**hidden_fields(visitor.get(page).text), **typed}
    before = visitor.cookie
    first = visitor.post(path, data)
    if first_answer == "lost":
        visitor.cookie = before
    second = visitor.post(path, data)
    assert (first.status_code, first.location) == (303, second.location)
    return visitor.get(second.location).text


@pytest.mark.parametrize("first_answer", ["read", "lost"])
@pytest.mark.parametrize("form", [*PUBLIC_FORMS, *OWN_FORMS], ids=lambda form: form[1])
def test_a_form_sent_twice_is_answered_like_the_first(accounts, browser1, form, first_answer):
    *sent, follows = form
    if form in OWN_FORMS:
        browser1.sign_in()
    assert follows in send_twice(browser1, *sent, first_answer=first_answer)
    expected = 0 if form[1] in ("/account/delete", "/logout") or form in PUBLIC_FORMS[1:] else 1
    assert len(accounts.session_rows()) == expected


@pytest.mark.parametrize("first_answer", ["read", "lost"])
def test_a_link_spent_twice_leads_to_the_same_page(accounts, browser1, clock, first_answer):
    mail_room = MailRoom(accounts, clock)
    mail_room.enqueue(EmailKind.RESET_PASSWORD)
    mail_room.deliver()
    link = f"/reset-password?token={token_in(mail_room.box.mails[-1])}"
    typed = {"password": NEW_PASSWORD}
    page = send_twice(browser1, link, "/reset-password", typed, first_answer=first_answer)
    assert "Your new password is set" in page


def test_signing_up_twice_sends_one_mail(accounts, browser1, clock):
    send_twice(browser1, "/signup", "/signup", BOBS, first_answer="lost")
    assert len(user_rows(accounts)) == 2
    assert len(MailRoom(accounts, clock).waiting()) == 1


def test_a_note_sent_twice_is_kept_once(visitor):
    visitor.arrive()
    form = {"csrf_token": visitor.csrf_token(), "text": "once"}
    first, second = visitor.post("/notes", form), visitor.post("/notes", form)
    assert (second.status_code, second.location) == (303, first.location)
    assert visitor.get("/notes").text.count("once</p>") == 1
    deleted = {"csrf_token": visitor.csrf_token()}
    for _ in range(2):
        assert visitor.post("/notes/1/delete", deleted).status_code == 303


def with_a_new_key(instance, build):
    """Build the application anew with another secret key, the one of before being an older one."""
    path = Path(instance) / "secret_key"
    path.write_text(f"{'n' * 43}\n{path.read_text()}")
    return build()


def test_each_form_that_is_open_survives_a_new_secret_key(accounts, made_environment, clock):
    opened = []
    # The other forms end each other's sessions.
    for page, path, typed, follows in [*PUBLIC_FORMS, OWN_FORMS[0], OWN_FORMS[2]]:
        visitor = Visitor(accounts)
        if page.startswith("/account"):
            visitor.sign_in()
        opened.append((visitor, path, {**hidden_fields(visitor.get(page).text), **typed}, follows))
    waiting = Visitor(accounts)
    page = waiting.get(waiting.authorize().location).text
    opened.append((waiting, "/login", {**hidden_fields(page), **SIGN_IN}, ""))
    instance = made_environment["SERVER1_INSTANCE"]
    app = with_a_new_key(instance, lambda: build(made_environment, clock))
    for visitor, path, data, follows in opened:
        cookie = visitor.cookie
        visitor.client = app.test_client()
        visitor.cookie = cookie
        answer = visitor.post(path, data)
        assert (path, answer.status_code) == (path, 303)
        if path != "/login" or visitor is not waiting:
            assert follows in visitor.get(answer.location).text
        else:
            assert answer.location.startswith("/authorize?continue=")
    database_of(app).close()


def test_a_note_that_is_being_written_survives_a_new_secret_key(visitor, notes_environment, clock):
    visitor.arrive()
    form, cookies = {"csrf_token": visitor.csrf_token(), "text": "slowly"}, visitor.cookies()
    instance = notes_environment["SERVER2_INSTANCE"]
    config = Config.from_environment(notes_environment)
    app = with_a_new_key(instance, lambda: create_app(config, clock=clock))
    visitor.client = app.test_client()
    for name, value in cookies.items():
        visitor.client.set_cookie(name, value, domain="127.0.0.1")
    assert visitor.post("/notes", form).status_code == 303
    database_of(app).close()
