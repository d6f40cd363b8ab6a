from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.servers.notes_visitor import Visitor

READY = {"database": "ok", "replay_store": "ok", "keys": "ok", "clocks": "ok"}


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("handoff_replay", "replay_store"),
        ("handoff_logouts", "replay_store"),
        ("handoff_revocations", "database"),
    ],
)
def test_a_server_without_a_table_of_handoffs_is_not_ready(visitor, notes_app, table, part):
    with notes_app.extensions["database"].writing() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json == {**READY, part: "unavailable", "clock_difference_seconds": None}


@pytest.fixture
def without_server1(build_notes, issuer_key_ring, clock, free_port):
    app = build_notes(HANDOFF_PINNED_KEYS="", HANDOFF_JWKS_URI=f"http://127.0.0.1:{free_port}/keys")
    yield Visitor(app, issuer_key_ring, clock)
    # Or its thread would ask again and again, and complain in the log of the tests that follow.
    app.extensions["handoff_receiver"].verifier.keys.close()


def test_a_server_that_never_saw_a_key_is_not_ready(without_server1):
    answer = without_server1.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {**READY, "keys": "unavailable", "clock_difference_seconds": None}


@pytest.mark.parametrize(("ahead", "state"), [(0, "ok"), (3600, "unavailable")])
def test_with_clocks_too_far_apart_nobody_can_sign_in(
    build_notes, issuer_key_ring, clock, ahead, state
):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    keys = response(issuer_key_ring.jwks_json, f"Date: {date}")
    with JWKSEndpoint(sends(keys)) as endpoint:
        app = build_notes(HANDOFF_PINNED_KEYS="", HANDOFF_JWKS_URI=endpoint.uri)
        answer = Visitor(app, issuer_key_ring, clock).get("/readyz")
        app.extensions["handoff_receiver"].verifier.keys.close()
    assert (answer.status_code == 200, answer.json["clocks"]) == (state == "ok", state)
    assert answer.json["keys"] == "ok"


def test_without_a_key_the_sign_in_is_put_off_in_the_sites_look(without_server1):
    answer = without_server1.get("/sso/login")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert 'href="/static/notes.css"' in answer.text


def test_who_is_signed_in_is_served_while_server1_is_down(visitor, without_server1):
    visitor.arrive()
    held = visitor.cookies()["s2_session"]
    without_server1.client.set_cookie("s2_session", held, domain="127.0.0.1")
    assert without_server1.add_note("written all the same").status_code == 303
    assert "written all the same" in without_server1.get("/notes").text
