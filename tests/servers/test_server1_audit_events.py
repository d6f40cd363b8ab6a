"""Who is recorded for what: each event once, with the right account."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from flask_service.database import Database
from server1.accounts import sessions
from server1.accounts.administration import replace_password
from server1.audit import EndReason, Event
from server1.db import SCHEMA
from tests.servers import statements
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor
from tests.servers.audit_log import lines, rows, texts
from tests.token_texts import JWT

UNKNOWN = "bob@example.com"
WRONG = "a wrong password"
FORGERIES = [
    "\r\n2026 INFO server1.audit {}",
    "\x1b[2K\x1b[1A",
    "a\u202e\u2066b",
    "a\u2028b",
    '"}\n{"',
]


@pytest.fixture
def subject(accounts_on):
    return accounts_on.find().subject


def events(accounts):
    """Return what happened since the account was made, as event and account."""
    return [(row.event, row.subject) for row in rows(accounts)[1:]]


def test_a_sign_in_is_recorded_with_request_account_address_and_session(accounts_on, subject, log):
    Visitor(accounts_on, "203.0.113.7").sign_in()
    (row,) = rows(accounts_on, Event.SIGNED_IN)
    (session,) = accounts_on.session_rows()
    (access,) = [line for line in log.text.splitlines() if "POST /login 303" in line]
    assert row.request_id == re.search(r"request_id=([0-9a-f]{16})$", access)[1]
    assert (row.subject, row.address, row.client_id) == (subject, "203.0.113.7", None)
    assert row.detail == f"session {session.sid}"
    assert events(accounts_on) == [("signed_in", subject)]
    assert [(line["event"], line["account"]) for line in lines(log)] == [("signed_in", subject)]


def test_somebody_else_s_sign_in_in_the_same_browser_ends_the_session_before(accounts_on, subject):
    grace = accounts_on.create("grace@example.com").subject
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    (first,) = accounts_on.session_rows()
    visitor.sign_in("grace@example.com", page="/logout")
    assert events(accounts_on)[1:] == [
        ("signed_in", subject),
        ("session_ended", subject),
        ("signed_in", grace),
    ]
    (ended,) = rows(accounts_on, Event.SESSION_ENDED)
    detail = f"session {first.sid}, Unknown browser"
    assert (ended.detail, ended.reason) == (detail, EndReason.OTHER_ACCOUNT)


def test_the_same_person_s_sign_in_in_the_same_browser_is_of_the_same_session(accounts_on, subject):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    (session,) = accounts_on.session_rows()
    visitor.sign_in(page="/logout")
    assert events(accounts_on) == [("signed_in", subject), ("signed_in", subject)]
    details = {row.detail for row in rows(accounts_on, Event.SIGNED_IN)}
    assert details == {f"session {session.sid}"}


def test_a_wrong_password_is_a_failure_of_its_account(accounts_on, subject):
    Visitor(accounts_on).sign_in(password=WRONG)
    assert events(accounts_on) == [("sign_in_failed", subject)]
    assert rows(accounts_on)[-1].detail is None


def test_a_disabled_account_is_a_failure_of_that_account(accounts_on, subject):
    accounts_on.disable()
    Visitor(accounts_on).sign_in()
    assert events(accounts_on) == [("account_disabled", subject), ("sign_in_failed", subject)]
    assert rows(accounts_on)[-1].detail is None


@pytest.mark.parametrize("typed", [UNKNOWN, "my secret password", "x" * 3000, *FORGERIES])
def test_of_an_unknown_account_nothing_is_recorded_but_that_there_was_a_failure(
    accounts_on, log, typed
):
    Visitor(accounts_on).sign_in(typed, WRONG)
    assert events(accounts_on) == [("sign_in_failed", None)]
    assert rows(accounts_on)[-1].detail is None
    (told,) = texts(log)
    assert typed not in told
    assert typed.encode("unicode_escape").decode() not in told


def test_an_account_takes_as_many_statements_as_none_when_the_password_is_wrong(accounts_on):
    accounts_on.create("eve@example.com")
    accounts_on.disable("eve@example.com")
    taken = []
    for email in (EMAIL, "eve@example.com", UNKNOWN):
        visitor = Visitor(accounts_on)
        visitor.get("/login")
        with statements.noted(accounts_on.database) as noted:
            assert visitor.sign_in(email, WRONG).status_code == 403
        taken.append(noted)
    assert taken[0] == taken[1] == taken[2]
    assert any("password_hash" in statement for statement in taken[0])


def test_a_limit_that_is_reached_is_recorded_once_however_often_it_is_run_against(
    accounts_on, subject, clock
):
    visitor = Visitor(accounts_on)
    for _ in range(12):
        visitor.sign_in(password=WRONG)
    assert Counter(events(accounts_on)) == {
        ("sign_in_failed", subject): 5,
        ("sign_in_throttled", subject): 1,
    }
    assert rows(accounts_on)[-1].detail == "limit: account at address"
    clock.tick(minutes=1)
    for _ in range(12):
        visitor.sign_in(password=WRONG)
    assert Counter(events(accounts_on))["sign_in_throttled", subject] == 2


def test_a_limit_of_an_unknown_account_is_recorded_without_one(accounts_on):
    visitor = Visitor(accounts_on)
    for _ in range(7):
        visitor.sign_in(UNKNOWN, WRONG)
    assert Counter(events(accounts_on)) == {
        ("sign_in_failed", None): 5,
        ("sign_in_throttled", None): 1,
    }


def test_signing_out_ends_a_session(accounts_on, subject):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    visitor.sign_out()
    assert events(accounts_on) == [("signed_in", subject), ("session_ended", subject)]


def test_a_session_whose_time_was_over_does_not_end_once_more(accounts_on, clock):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    clock.tick(minutes=31)
    visitor.sign_in()
    assert rows(accounts_on, Event.SESSION_ENDED) == []


def test_a_sign_out_that_is_undone_is_not_recorded(accounts, log):
    visitor = Visitor(accounts)
    visitor.sign_in()
    with accounts.database.writing() as connection:
        connection.execute(
            text("CREATE TRIGGER no BEFORE DELETE ON sessions BEGIN SELECT RAISE(FAIL, 'no'); END")
        )
    log.clear()
    assert visitor.sign_out().status_code == 503
    assert rows(accounts, Event.SESSION_ENDED) == []
    assert lines(log) == []


def test_a_disabled_account_ends_each_of_its_sessions(accounts_on, subject):
    for _ in range(2):
        Visitor(accounts_on).sign_in()
    sids = {row.sid for row in accounts_on.session_rows()}
    accounts_on.disable()
    assert events(accounts_on)[2:] == [
        ("account_disabled", subject),
        ("session_ended", subject),
        ("session_ended", subject),
    ]
    ended = rows(accounts_on, Event.SESSION_ENDED)
    assert {row.detail for row in ended} == {f"session {sid}, Unknown browser" for sid in sids}
    assert {row.reason for row in ended} == {EndReason.ACCOUNT_DISABLED}
    assert {(row.address, row.request_id) for row in ended} == {("command line", None)}


def test_a_new_password_is_recorded_and_ends_the_sessions(accounts_on, subject):
    Visitor(accounts_on).sign_in()
    with accounts_on.app.app_context():
        replace_password(accounts_on.find(), "another password of the tests")
        replace_password(accounts_on.find(), "another password of the tests")
    assert events(accounts_on)[1:] == [("password_changed", subject), ("session_ended", subject)]


def test_operators_are_recorded_by_what_they_change(accounts_on, subject, log):
    accounts_on.run("users", "create", UNKNOWN)
    other = accounts_on.find(UNKNOWN).subject
    for command in ("disable", "disable", "enable", "enable"):
        accounts_on.run("users", command, EMAIL)
    accounts_on.run("grants", "set", EMAIL, "server2", "notes:read")
    accounts_on.run("grants", "set", EMAIL, "server2", "--none")
    accounts_on.run("grants", "set", EMAIL, "server2", "--none")
    accounts_on.run("grants", "clear", EMAIL, "server2")
    accounts_on.run("grants", "clear", EMAIL, "server2")
    assert events(accounts_on) == [
        ("account_created", other),
        ("account_disabled", subject),
        ("account_enabled", subject),
        *[("grant_changed", subject)] * 3,
    ]
    assert [(row.client_id, row.detail) for row in rows(accounts_on, Event.GRANT_CHANGED)] == [
        ("server2", "scope notes:read openid"),
        ("server2", "no access"),
        ("server2", "the default"),
    ]
    assert {row.address for row in rows(accounts_on)[1:]} == {"command line"}
    assert texts(log) == []  # a command's stderr is no log


def test_a_handoff_is_recorded_with_client_session_and_scope(accounts_on, subject):
    visitor = Visitor(accounts_on, "2001:db8::7")
    visitor.sign_in()
    answer = visitor.authorize()
    assert "id_token=" in answer.location
    (row,) = rows(accounts_on, Event.HANDOFF_ISSUED)
    (session,) = accounts_on.session_rows()
    assert (row.subject, row.client_id, row.address) == (subject, "server2", "2001:db8::7")
    assert row.detail == f"session {session.sid}, scope email notes:read openid profile"
    assert len(row.request_id) == 16
    assert events(accounts_on)[1:] == [("handoff_issued", subject)]


def test_a_handoff_that_cannot_be_recorded_is_not_issued(accounts, log):
    visitor = Visitor(accounts)
    visitor.sign_in()
    impatient = Database(accounts.config.database_url, SCHEMA, timeout=timedelta(milliseconds=10))
    accounts.install(database=impatient)
    log.clear()
    with accounts.database.writing():
        answer = visitor.authorize()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert not JWT.search(answer.text + str(answer.headers))
    assert lines(log) == []
    assert "id_token=" in visitor.authorize().location
    impatient.close()


class SessionEnds(Database):
    """Ends every session after it was looked up, as another transaction may on PostgreSQL."""

    parts = 0

    def writing(self):
        self.parts += 1
        if self.parts == 2:
            with super().writing() as connection:
                connection.execute(sessions.sessions.delete())
        return super().writing()


@pytest.mark.parametrize("prompt", [None, "none"])
def test_a_session_that_ends_during_its_handoff_hands_nobody_on(accounts_on, prompt):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    ending = SessionEnds(accounts_on.config.database_url, SCHEMA)
    accounts_on.install(database=ending)
    location = visitor.authorize(prompt=prompt).location
    assert "id_token" not in location
    assert rows(accounts_on, Event.HANDOFF_ISSUED) == []
    refused = [row.detail for row in rows(accounts_on, Event.HANDOFF_REFUSED)]
    if prompt is None:
        assert (location.startswith("/login?continue="), refused) == (True, [])
    else:
        assert "error=login_required" in location
        assert refused == ["login_required: the session ended meanwhile"]
    ending.close()


def test_a_denied_handoff_is_recorded_with_account_and_client(accounts_on, subject):
    accounts_on.run("grants", "set", EMAIL, "server2", "--none")
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    visitor.authorize()
    (row,) = rows(accounts_on, Event.HANDOFF_REFUSED)
    assert (row.subject, row.client_id) == (subject, "server2")
    assert row.detail == "access_denied: no grant for this client"


def test_a_request_that_nobody_is_signed_in_for_is_recorded_without_an_account(accounts_on):
    visitor = Visitor(accounts_on)
    page = visitor.authorize(client_id="nobody").text
    visitor.authorize(prompt="none")
    first, second = rows(accounts_on, Event.HANDOFF_REFUSED)
    assert (first.subject, first.client_id) == (None, None)
    assert first.detail == "client_unknown: no client of this client_id is registered"
    assert first.request_id in page
    assert (second.subject, second.client_id) == (None, "server2")
    assert second.detail == "login_required: the user has to be asked first"


def test_refusals_of_one_network_are_recorded_twenty_times_a_minute(accounts_on, clock):
    for number in range(25):
        Visitor(accounts_on, f"2001:db8::{number}").authorize(client_id="nobody")
    assert len(rows(accounts_on, Event.HANDOFF_REFUSED)) == 20
    Visitor(accounts_on, "203.0.113.7").authorize(client_id="nobody")
    assert len(rows(accounts_on, Event.HANDOFF_REFUSED)) == 21
    clock.tick(minutes=1)
    Visitor(accounts_on, "2001:db8::1").authorize(client_id="nobody")
    assert len(rows(accounts_on, Event.HANDOFF_REFUSED)) == 22


def test_a_refusal_that_cannot_be_recorded_stays_a_refusal(accounts, log):
    impatient = Database(accounts.config.database_url, SCHEMA, timeout=timedelta(milliseconds=10))
    accounts.install(database=impatient)
    with accounts.database.writing():
        answer = Visitor(accounts).authorize(client_id="nobody")
    assert answer.status_code == 400
    assert "This request cannot be answered" in answer.text
    assert "not recorded: DatabaseError request_id=" in log.text
    impatient.close()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nothing_that_is_sent_forges_a_line(accounts_on, log, forgery):
    visitor = Visitor(accounts_on)
    page = visitor.get("/login").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    agent = {"User-Agent": "agent " + forgery.replace("\r", "").replace("\n", "")}
    fields = {"csrf_token": token, "email": forgery, "password": forgery}
    visitor.post("/login", fields, headers=agent)
    visitor.post("/login", {**fields, "email": EMAIL, "password": PASSWORD}, headers=agent)
    for name in ("client_id", "redirect_uri", "response_mode", "scope", "state", "nonce", "prompt"):
        visitor.authorize(**{name: forgery})
    visitor.get("/authorize", query_string={"continue": forgery})
    visitor.client.get(
        "/",
        base_url=accounts_on.issuer,
        environ_overrides={"PATH_INFO": f"/{forgery}".encode().decode("latin-1")},
    )
    told = texts(log)
    assert len(told) == len(lines(log)) == len(rows(accounts_on)) - 1 >= 9
    for line in (*told, *log.text.splitlines()):
        assert line.isascii()
        assert line.isprintable()
    for row in rows(accounts_on):
        assert all(str(value).isprintable() for value in row)
        assert "agent" not in str(row)
