from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, select

from server1.accounts import client_sessions
from server1.accounts.client_sessions import (
    client_sessions_of,
    hold_client_session,
    note_client_session,
)
from server1.accounts.sessions import SessionExpiredError, sessions
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, assert_waits, hidden_fields
from tests.servers.audit_log import writing

OTHER = "bob@example.com"


@pytest.fixture
def sid(accounts_on):
    """Of the session of a browser that has just signed in."""
    return sign_in(accounts_on)


def sign_in(accounts, email=EMAIL):
    before = {row.sid for row in accounts.session_rows()}
    Visitor(accounts).sign_in(email)
    (sid,) = {row.sid for row in accounts.session_rows()} - before
    return sid


def enter(accounts, sid, *client_ids):
    with writing(accounts) as connection:
        for client_id in client_ids:
            note_client_session(connection, sid, client_id, accounts.clock())


def entered_in(accounts, sid):
    with accounts.database.reading() as connection:
        found = client_sessions_of(connection, sessions.c.sid == sid)
    return [client.client_id for client in found]


def test_a_handoff_notes_the_service_that_is_entered(accounts_on, clock):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    (session,) = accounts_on.session_rows()
    assert entered_in(accounts_on, session.sid) == []
    visitor.authorize()
    clock.tick(minutes=5)
    visitor.authorize()
    assert entered_in(accounts_on, session.sid) == ["server2"]


def test_a_handoff_that_is_refused_notes_nothing(accounts_on):
    accounts_on.run("grants", "set", EMAIL, "server2", "--none")
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    visitor.authorize()
    (session,) = accounts_on.session_rows()
    assert entered_in(accounts_on, session.sid) == []


def test_services_stand_in_the_order_in_which_they_were_entered(accounts_on, sid, clock):
    enter(accounts_on, sid, "wiki")
    clock.tick(minutes=1)
    enter(accounts_on, sid, "mail", "calendar")
    clock.tick(minutes=1)
    enter(accounts_on, sid, "wiki")
    assert entered_in(accounts_on, sid) == ["wiki", "calendar", "mail"]


def test_each_session_of_an_account_has_services_of_its_own(accounts_on, sid):
    second, empty = sign_in(accounts_on), sign_in(accounts_on)
    accounts_on.create(OTHER)
    strangers = sign_in(accounts_on, OTHER)
    enter(accounts_on, sid, "wiki")
    enter(accounts_on, second, "wiki", "mail")
    enter(accounts_on, strangers, "mail")
    subject = accounts_on.find().subject
    with accounts_on.database.reading() as connection:
        found = client_sessions_of(connection, sessions.c.subject == subject)
    assert [(one.sid, one.client_id) for one in found if one.sid == sid] == [(sid, "wiki")]
    assert [one.client_id for one in found if one.sid == second] == ["mail", "wiki"]
    assert {one.sid for one in found} == {sid, second}
    assert entered_in(accounts_on, empty) == []


def test_a_session_that_has_ended_enters_nothing(accounts_on, sid):
    accounts_on.disable()
    with pytest.raises(SessionExpiredError):
        enter(accounts_on, sid, "wiki")


def test_what_a_session_entered_goes_with_it(accounts_on, sid):
    enter(accounts_on, sid, "wiki")
    accounts_on.disable()
    with accounts_on.database.reading() as connection:
        assert connection.execute(client_sessions.client_sessions.select()).all() == []


def test_who_holds_a_session_and_who_ends_it_lock_in_one_order(accounts_on, sid):
    enter(accounts_on, sid, "server2")

    def hold():
        with writing(accounts_on) as connection:
            hold_client_session(connection, sid=sid, client_id="server2")

    with ThreadPoolExecutor(1) as threads:
        with writing(accounts_on) as connection:
            connection.execute(select(sessions.c.sid).with_for_update()).all()
            holding = threads.submit(hold)
            assert_waits(holding)
            connection.execute(delete(sessions))
        with pytest.raises(SessionExpiredError):
            holding.result(30)


def test_a_new_password_waits_for_who_holds_the_session_that_is_kept(accounts_on):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    (session,) = accounts_on.session_rows()
    enter(accounts_on, session.sid, "server2")
    fields = {"password": PASSWORD, "new_password": "lilac engine 49 quarry"}
    form = {**hidden_fields(visitor.get("/account/password").text), **fields}
    with ThreadPoolExecutor(1) as threads:
        with writing(accounts_on) as connection:
            connection.execute(select(sessions.c.sid).with_for_update(read=True)).all()
            changing = threads.submit(visitor.post, "/account/password", form)
            assert_waits(changing)
            hold_client_session(connection, sid=session.sid, client_id="server2")
        assert changing.result(30).location == "/account?done=password"
