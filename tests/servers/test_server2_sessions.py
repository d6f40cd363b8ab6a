import base64
import json
import zlib

import pytest
from sqlalchemy import select, update

from server2.sessions import sessions
from tests.conftest import ANY_PLAN, with_another_plan
from tests.token_texts import JWT


@pytest.fixture
def notes_app(request, build_notes):
    """SERVER2 on SQLite, or on what the test names."""
    database = getattr(request, "param", "sqlite")
    if database == "sqlite":
        return build_notes()
    url = request.getfixturevalue("postgresql_url")
    url = with_another_plan(url) if database == "another plan" else url
    return build_notes(SERVER2_DATABASE_URL=url)


def row_of(app):
    with app.extensions["database"].reading() as connection:
        return connection.execute(select(sessions)).one()


def contents(cookie):
    payload = cookie.split(".")[1 if cookie.startswith(".") else 0]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return json.loads(zlib.decompress(raw) if cookie.startswith(".") else raw)


def test_a_session_ends_after_thirty_idle_minutes(visitor, clock):
    visitor.arrive()
    clock.tick(minutes=29, seconds=59)
    assert visitor.get("/session").status_code == 200
    clock.tick(minutes=30)
    assert visitor.get("/session").status_code == 303


def test_a_session_in_use_ends_after_twelve_hours(visitor, clock):
    visitor.arrive()
    for _ in range(35):
        clock.tick(minutes=20)
        assert visitor.get("/session").status_code == 200
    clock.tick(minutes=20)
    assert visitor.get("/session").status_code == 303


def test_a_session_that_has_ended_does_not_come_back(visitor, clock):
    visitor.arrive()
    clock.tick(minutes=31)
    visitor.get("/session")
    visitor.get("/")
    assert visitor.get("/session").status_code == 303


def test_a_session_in_use_is_written_once_a_minute(visitor, notes_app, clock):
    visitor.arrive()
    arrived_at = clock()
    clock.tick(seconds=59)
    visitor.get("/notes")
    assert row_of(notes_app).last_seen_at == arrived_at
    clock.tick(seconds=1)
    visitor.get("/notes")
    assert row_of(notes_app).last_seen_at == clock()


def test_a_clock_put_back_makes_no_session_last_longer(visitor, notes_app, clock):
    visitor.arrive()
    clock.tick(hours=-1)
    visitor.get("/notes")
    assert row_of(notes_app).last_seen_at == clock()


@pytest.mark.parametrize("notes_app", ANY_PLAN, indirect=True)
def test_two_ended_sessions_go_for_one_that_comes(visitor, another_visitor, notes_app, clock):
    def arrive_with_no_cookies(each):
        each.client = notes_app.test_client()
        each.arrive()
        with notes_app.extensions["database"].reading() as connection:
            return connection.execute(select(sessions.c.started_at)).scalars().all()

    old = [arrive_with_no_cookies(visitor) for _ in range(5)][-1]
    clock.tick(minutes=31)
    left = [sorted(arrive_with_no_cookies(another_visitor)) for _ in range(4)]
    assert left == [[*old[:3], clock()], [old[0], clock(), clock()], [clock()] * 3, [clock()] * 4]


def test_the_row_holds_neither_the_id_nor_the_token(visitor, notes_app):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    held = contents(visitor.cookies()["s2_session"])["id"]
    written = repr(tuple(row_of(notes_app)))
    assert held not in written
    assert not JWT.search(written)


def test_the_cookie_holds_a_random_id_and_the_csrf_value_only(visitor):
    visitor.arrive()
    visitor.get("/notes")
    held = contents(visitor.cookies()["s2_session"])
    assert held.keys() == {"id", "csrf_token"}
    assert len(base64.urlsafe_b64decode(held["id"] + "=")) == 32


def test_a_session_whose_row_is_gone_is_dead_at_once(visitor, notes_app):
    visitor.arrive()
    with notes_app.extensions["database"].writing() as connection:
        connection.execute(update(sessions).values(id_sha256="0" * 64))
    assert visitor.get("/session").status_code == 303


def test_the_page_about_the_session_tells_who_vouched_and_until_when(visitor):
    visitor.arrive(subject="subject-of-ada", scope="openid notes:read")
    page = visitor.get("/session").text
    assert "http://localhost:5001" in page
    assert "subject-of-ada" in page
    assert "1 January 2026, 12:00 UTC" in page
    assert "2 January 2026, 00:00 UTC" in page
    assert "<code>notes:read</code>" in page
    assert "notes:write" not in page
