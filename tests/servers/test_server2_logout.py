"""SERVER1 tells SERVER2 that sessions have ended there."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from server2.sessions import sessions


@pytest.fixture(params=["sqlite", "postgresql"])
def notes_app(request, build_notes, tmp_path):
    if request.param == "postgresql":
        return build_notes(SERVER2_DATABASE_URL=request.getfixturevalue("postgresql_url"))
    return build_notes(SERVER2_DATABASE_URL=f"sqlite:///{tmp_path / 'notes.sqlite3'}")


@pytest.fixture
def arrived(visitor):
    visitor.arrive(sid="first")
    assert visitor.is_signed_in()
    return visitor


def count(app):
    with app.extensions["database"].reading() as connection:
        return connection.execute(select(func.count()).select_from(sessions)).scalar_one()


def test_the_session_that_ended_at_server1_is_dead_here(arrived, notes_app):
    answer = arrived.log_out_at_server1(session_id="first", subject="ada")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not arrived.is_signed_in()
    assert count(notes_app) == 0


def test_the_cookie_of_the_session_is_worth_nothing_to_whoever_copied_it(arrived, another_visitor):
    stolen = arrived.cookies()["s2_session"]
    another_visitor.client.set_cookie("s2_session", stolen, domain="127.0.0.1")
    assert another_visitor.is_signed_in()
    arrived.log_out_at_server1(session_id="first")
    assert not another_visitor.is_signed_in()


def test_another_session_of_the_same_account_goes_on(arrived, another_visitor):
    another_visitor.arrive(sid="second")
    arrived.log_out_at_server1(session_id="second", subject="ada")
    assert arrived.is_signed_in()
    assert not another_visitor.is_signed_in()


def test_all_sessions_of_the_account_end_when_it_alone_is_named(arrived, another_visitor):
    another_visitor.arrive(sid="second")
    arrived.log_out_at_server1(subject="ada")
    assert not arrived.is_signed_in()
    assert not another_visitor.is_signed_in()


def test_somebody_else_s_sessions_go_on(arrived, another_visitor):
    another_visitor.arrive(subject="bob", sid="of bob")
    arrived.log_out_at_server1(subject="bob")
    assert arrived.is_signed_in()
    assert not another_visitor.is_signed_in()


def test_a_session_is_not_ended_in_the_name_of_another_account(arrived):
    answer = arrived.log_out_at_server1(session_id="first", subject="bob")
    assert answer.status_code == 200
    assert arrived.is_signed_in()


def test_who_comes_back_after_the_log_out_is_not_signed_out_by_what_is_told_late(arrived, clock):
    ended_at = clock()
    clock.tick(seconds=11)
    arrived.arrive(sid="a new one")
    clock.tick(minutes=5)
    arrived.log_out_at_server1(subject="ada", ended_at=ended_at)
    assert arrived.is_signed_in()


def test_a_session_that_is_named_ends_whatever_the_dates_say(arrived, clock):
    arrived.log_out_at_server1(session_id="first", ended_at=clock() - timedelta(hours=1))
    assert not arrived.is_signed_in()


def test_a_session_from_while_the_clocks_were_ahead_ends_as_well(arrived, clock):
    clock.tick(hours=-1)
    arrived.log_out_at_server1(subject="ada", ended_at=clock())
    assert not arrived.is_signed_in()


def test_the_page_says_that_the_visitor_is_signed_out_and_keeps_what_was_typed(arrived):
    csrf_token = arrived.csrf_token()
    arrived.log_out_at_server1(session_id="first")
    answer = arrived.post("/notes", {"csrf_token": csrf_token, "text": "half a thought"})
    assert answer.status_code == 403
    assert "You are signed out" in answer.text
    assert "half a thought" in answer.text


def test_while_the_database_fails_server1_is_told_and_nobody_sees_a_page(arrived, notes_app):
    with notes_app.extensions["database"].writing() as connection:
        connection.execute(text("ALTER TABLE sessions RENAME TO away"))
    answer = arrived.log_out_at_server1(session_id="first")
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_form_of_this_site_is_needed_and_no_cookie_is_given(visitor):
    answer = visitor.app.test_client().post(
        "/sso/backchannel-logout", base_url=visitor.base_url, data={"logout_token": "a.b.c"}
    )
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert "Set-Cookie" not in answer.headers
