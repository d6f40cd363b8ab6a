import base64
import json
import zlib

import pytest
from sqlalchemy import select, update

from server2.sessions import sessions
from tests.servers.notes_visitor import Visitor

HTTPS = {"HANDOFF_BASE_URL": "https://notes.example.com"}


def row_of(app):
    with app.extensions["database"].reading() as connection:
        return connection.execute(select(sessions)).one()


def contents(cookie):
    payload = cookie.split(".")[1 if cookie.startswith(".") else 0]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return json.loads(zlib.decompress(raw) if cookie.startswith(".") else raw)


def session_cookie(answer):
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if "s2_session=" in c]
    return cookie


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


def test_ended_sessions_are_swept_away_by_later_arrivals(
    visitor, another_visitor, notes_app, clock
):
    visitor.arrive(subject="ada")
    clock.tick(minutes=31)
    another_visitor.arrive(subject="bob")
    assert row_of(notes_app).started_at == clock()


def test_the_row_holds_neither_the_id_nor_the_token(visitor, notes_app):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    held = contents(visitor.cookies()["s2_session"])["id"]
    written = repr(tuple(row_of(notes_app)))
    assert held not in written
    assert "eyJ" not in written


def test_the_cookie_holds_a_random_id_and_the_csrf_value_only(visitor):
    visitor.arrive()
    visitor.get("/notes")
    held = contents(visitor.cookies()["s2_session"])
    assert held.keys() == {"id", "csrf_token"}
    assert len(base64.urlsafe_b64decode(held["id"] + "=")) == 32


def test_the_cookie_is_guarded_over_plain_http(visitor):
    attributes = session_cookie(visitor.arrive()).split("; ")[1:]
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax"]


@pytest.fixture
def https_visitor(build_notes, issuer_key_ring, clock):
    return Visitor(build_notes(**HTTPS), issuer_key_ring, clock, HTTPS["HANDOFF_BASE_URL"])


def test_over_https_the_cookie_is_secure_and_of_this_host_only(https_visitor):
    cookie = session_cookie(https_visitor.arrive())
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-s2_session=")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]


def test_over_https_the_name_without_the_prefix_is_not_read(https_visitor):
    https_visitor.arrive()
    held = https_visitor.cookies()["__Host-s2_session"]
    planted = {"Cookie": f"s2_session={held}"}
    stranger = https_visitor.app.test_client(use_cookies=False)
    answer = stranger.get("/session", base_url=https_visitor.base_url, headers=planted)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "cookies",
    ["s2_session={0}; s2_session={0}", "s2_session={0}; s2_session=x", "s2_session ={0}",
     "s2_session=x; s2_session ={0}", "a=1;  s2_session={0}", "s2_session={0};s2_session=x"],
)  # fmt: skip
def test_where_it_is_not_clear_which_cookie_is_ours_nobody_is_signed_in(visitor, cookies):
    visitor.arrive()
    held = visitor.cookies()["s2_session"]
    stranger = visitor.app.test_client(use_cookies=False)
    page = {"path": "/session", "base_url": visitor.base_url}
    assert stranger.get(**page, headers={"Cookie": f"a=1; s2_session={held}"}).status_code == 200
    assert stranger.get(**page, headers={"Cookie": cookies.format(held)}).status_code == 303


@pytest.mark.parametrize("forged", ["x", "e30.x.x", "eyJpZCI6MX0.aQ.AAAA", "", "\xff"])
def test_a_forged_cookie_is_no_session_and_no_error(visitor, forged):
    stranger = visitor.app.test_client(use_cookies=False)
    headers = {"Cookie": f"s2_session={forged}"}
    answer = stranger.get("/session", base_url=visitor.base_url, headers=headers)
    assert answer.status_code == 303


def test_a_session_whose_row_is_gone_is_dead_at_once(visitor, notes_app):
    visitor.arrive()
    with notes_app.extensions["database"].writing() as connection:
        connection.execute(update(sessions).values(id_sha256="0" * 64))
    assert visitor.get("/session").status_code == 303


def test_a_change_of_the_secret_key_signs_nobody_out(build_notes, visitor, tmp_path):
    visitor.arrive()
    held = visitor.cookies()["s2_session"]
    key_file = tmp_path / "server2" / "secret_key"
    key_file.write_text("a-new-key-of-more-than-thirty-two-characters\n" + key_file.read_text())
    visitor.client = build_notes().test_client()
    visitor.client.set_cookie("s2_session", held, domain="127.0.0.1")
    assert visitor.get("/session").status_code == 200


def test_the_page_about_the_session_tells_who_vouched_and_until_when(visitor):
    visitor.arrive(subject="subject-of-ada", scope="openid notes:read")
    page = visitor.get("/session").text
    assert "http://localhost:5001" in page
    assert "subject-of-ada" in page
    assert "1 January 2026, 12:00 UTC" in page
    assert "2 January 2026, 00:00 UTC" in page
    assert "<code>notes:read</code>" in page
    assert "notes:write" not in page
