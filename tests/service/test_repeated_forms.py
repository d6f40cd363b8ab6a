from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event, Timer

import pytest
from flask import Flask, redirect, request, session
from sqlalchemy import MetaData, make_url

from flask_service import csrf, session_cookie
from flask_service.database import Database, database_of
from flask_service.database.schema import Schema
from flask_service.repeated_forms import Repeats, sent_forms_table
from flask_service.session_cookie import give_session_id, held_session_id

BASE_URL = "http://localhost:5001"
SESSION = "of this browser"


class Small:
    """Processes of a small service on one database, and what their form has done."""

    def __init__(self, url, clock):
        self.metadata = MetaData()
        self.table = sent_forms_table(self.metadata)
        self.clock, self.url = clock, url
        self.handled, self.holds = [], Event()
        self.holds.set()
        self.apps = [self.build(), self.build()]
        self.metadata.create_all(database_of(self.apps[0]).engine)

    def build(self):
        app = Flask("small")
        app.secret_key = "of the tests, and of no use elsewhere"
        database = Database(make_url(self.url), Schema(self.metadata, Path("none"), "small"))
        app.extensions["database"] = database
        app.add_url_rule("/form", "form", csrf.form_token)
        app.add_url_rule("/form", "sent", self.handle, methods=["POST"])
        session_cookie.init_app(app, name="small", https=False)
        repeats = Repeats(
            self.table,
            self.clock,
            lambda: SESSION if held_session_id() else None,
            lambda name: f"again {name}",
        )
        csrf.init_app(app, base_url=BASE_URL, exempt=[], repeats=repeats)
        return app

    def handle(self):
        self.holds.wait()
        self.handled.append(request.form["about"])
        if request.form["about"] == "wrong":
            return "refused", 400
        if request.form["about"] == "sign in":
            give_session_id("a session id")
        if request.form["about"] in ("sign in", "greet me"):
            session["told"] = "welcome"
        return redirect(f"/done/{len(self.handled)}", 303)


@pytest.fixture(params=["sqlite", "postgresql"])
def small(request, tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'small.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    small = Small(url, clock)
    yield small
    for app in small.apps:
        database_of(app).close()


class Browser:
    def __init__(self, small):
        self.clients = [app.test_client() for app in small.apps]
        self.form = self.clients[0].get("/form", base_url=BASE_URL).text
        self.cookie = self.clients[0].get_cookie("small").value

    def send(self, about, process=0, form=None):
        """Send the form with the cookie of before, as the second click of a double click does."""
        client = self.clients[process]
        client.set_cookie("small", self.cookie)
        data = {"csrf_token": form or self.form, "about": about}
        answer = client.post("/form", base_url=BASE_URL, data=data)
        return answer.status_code, answer.location


def test_an_equal_form_is_answered_like_the_first(small):
    browser = Browser(small)
    assert [browser.send("a note", process) for process in (0, 1, 0)] == [(303, "/done/1")] * 3
    assert small.handled == ["a note"]


def test_another_form_or_another_text_is_handled(small):
    browser = Browser(small)
    other = browser.clients[0].get("/form", base_url=BASE_URL).text
    assert browser.send("a note") == (303, "/done/1")
    assert browser.send("another") == (303, "/done/2")
    assert browser.send("a note", form=other) == (303, "/done/3")


@pytest.mark.parametrize("later", [timedelta(minutes=1), -timedelta(hours=1)])
def test_after_a_minute_or_a_step_of_the_clock_it_is_handled_again(small, later):
    browser = Browser(small)
    browser.send("a note")
    small.clock.now += later
    assert browser.send("a note") == (303, "/done/2")


def test_a_form_that_was_refused_is_handled_again(small):
    browser = Browser(small)
    assert [browser.send("wrong"), browser.send("wrong")] == [(400, None)] * 2
    assert small.handled == ["wrong"] * 2


def test_two_at_once_are_handled_once_over_two_processes(small):
    browser = Browser(small)
    small.holds.clear()
    start = Barrier(2)

    def send(process):
        start.wait()
        return browser.send("a note", process)

    Timer(0.2, small.holds.set).start()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, (0, 1))) == [(303, "/done/1")] * 2
    assert small.handled == ["a note"]


def test_the_session_of_an_answer_that_was_lost_is_opened_again(small):
    browser = Browser(small)
    browser.send("sign in")
    assert browser.send("sign in", 1) == (303, "/done/1")
    with browser.clients[1] as client:
        client.get("/form", base_url=BASE_URL)
        assert (session["id"], session["told"]) == (f"again {SESSION}", "welcome")


def test_what_a_lost_answer_told_somebody_without_a_session_is_restored(small):
    browser = Browser(small)
    browser.send("greet me")
    assert browser.send("greet me", 1) == (303, "/done/1")
    with browser.clients[1] as client:
        client.get("/form", base_url=BASE_URL)
        assert (session.get("id"), session["told"]) == (None, "welcome")


def test_an_equal_form_with_the_new_cookie_is_answered_and_changes_no_session(small):
    browser = Browser(small)
    browser.send("sign in")
    data = {"csrf_token": browser.form, "about": "sign in"}
    answer = browser.clients[0].post("/form", base_url=BASE_URL, data=data)
    assert (answer.status_code, answer.location) == (303, "/done/1")
    assert "Set-Cookie" not in answer.headers
    other = {**data, "about": "another"}
    assert browser.clients[0].post("/form", base_url=BASE_URL, data=other).status_code == 400


def test_nothing_of_what_was_sent_is_kept(small):
    browser = Browser(small)
    browser.send("sign in")
    with database_of(small.apps[0]).reading() as connection:
        (row,) = connection.execute(small.table.select()).all()
    for secret in (browser.form, "sign in", "a session id", "/done/", SESSION, "welcome"):
        assert secret not in str(row)


def test_a_form_that_cannot_be_remembered_is_not_handled(small):
    browser = Browser(small)
    small.metadata.drop_all(database_of(small.apps[0]).engine)
    with pytest.raises(Exception, match="sent_forms"):
        small.apps[0].testing = True
        browser.send("a note")
    assert small.handled == []
