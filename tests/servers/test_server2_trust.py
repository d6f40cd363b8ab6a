"""Sessions from before SERVER2's start, which may have missed their logout."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import func, select

from flask_handoff import TokenMinter
from server2.sessions import sessions
from tests.servers.notes_visitor import ISSUER

SILENT = "/sso/login?target_link_uri=%2Fnotes%3Fbefore%3D7&prompt=none"


@pytest.fixture
def restart(visitor, build_notes, clock):
    """Ends the process of SERVER2 and starts another, which the visitor's browser goes on with."""

    def restart(seconds=15, **settings):
        clock.tick(seconds=60)
        visitor.app = build_notes(**settings)
        cookies, visitor.client = visitor.client._cookies, visitor.app.test_client()
        visitor.client._cookies = cookies
        clock.tick(seconds=seconds)
        return visitor

    visitor.arrive()
    return restart


def rows(visitor):
    with visitor.app.extensions["database"].reading() as connection:
        return connection.execute(select(func.count()).select_from(sessions)).scalar()


def callback_error(visitor, begun, error):
    asked = parse_qs(urlsplit(visitor.get(begun.location).location).query)
    assert asked["prompt"] == ["none"]
    fields = {"error": error, "state": asked["state"][0], "iss": ISSUER}
    return visitor.get(f"/sso/callback?{urlencode(fields)}")


def test_an_older_session_is_trusted_for_fifteen_seconds(restart):
    visitor = restart(seconds=14)
    assert visitor.get("/notes").status_code == 200
    assert visitor.is_signed_in()


@pytest.mark.parametrize("seconds", [0, 15, 600])
def test_then_the_next_click_asks_server1_silently(restart, seconds):
    visitor = restart(seconds=seconds, SERVER2_TRUST_AFTER_START=str(seconds))
    asks = visitor.get("/notes?before=7")
    assert (asks.status_code, asks.location) == (303, SILENT)
    assert rows(visitor) == 0


def test_a_session_that_server1_confirms_goes_on_where_it_was(restart):
    visitor = restart()
    begun = visitor.get("/notes?before=7")
    landed = visitor.get(visitor.callback(visitor.get(begun.location)))
    assert landed.location == "/notes?before=7"
    for _ in range(2):
        assert visitor.get(landed.location).status_code == 200
        visitor.clock.tick(minutes=1)
    assert rows(visitor) == 1


@pytest.mark.parametrize(
    "error",
    [
        *("login_required", "interaction_required", "consent_required"),
        *("account_selection_required", "access_denied"),
    ],
)
def test_a_session_that_server1_does_not_confirm_has_ended(restart, error):
    visitor = restart()
    answer = callback_error(visitor, visitor.get("/notes?before=7"), error)
    assert answer.status_code == 303
    page = visitor.get(answer.location)
    assert (page.status_code, rows(visitor)) == (200, 0)
    assert "You are signed out" in page.text
    assert 'href="/sso/login?target_link_uri=%2Fnotes%3Fbefore%3D7"' in page.text
    assert not visitor.is_signed_in()


def test_a_server1_that_cannot_answer_confirms_nothing(restart):
    visitor = restart()
    answer = callback_error(visitor, visitor.get("/notes"), "temporarily_unavailable")
    assert answer.status_code == 403
    assert "cannot answer just now" in answer.text
    assert not visitor.is_signed_in()


def test_a_form_is_not_carried_out_and_keeps_its_text(restart):
    visitor = restart(seconds=0)
    token = visitor.csrf_token()
    visitor.clock.tick(seconds=15)
    answer = visitor.post("/notes", {"csrf_token": token, "text": "a long text"})
    assert answer.status_code == 403
    assert "a long text" in answer.text
    visitor.arrive()
    assert "a long text" not in visitor.get("/notes").text


def test_who_signs_out_is_and_may_do_so_at_server1(restart):
    visitor = restart()
    page = visitor.get("/logout").text
    assert "You are signed out here" in page
    assert "Sign out at SERVER1 as well" in page
    assert rows(visitor) == 0


@pytest.mark.parametrize("path", ["/logout", "/notes"])
def test_a_look_at_a_page_ends_nothing(restart, path):
    visitor = restart()
    visitor.client.head(path, base_url=visitor.base_url)
    assert rows(visitor) == 1


def test_a_public_page_takes_it_for_no_session(restart):
    assert not restart().is_signed_in()


def test_a_session_of_a_machine_whose_clock_is_behind_is_trusted(restart):
    """Else the browser would go to SERVER1 and back until that clock has caught up."""
    visitor = restart(seconds=0, SERVER2_TRUST_AFTER_START="0")
    visitor.clock.tick(seconds=-4)
    visitor.arrive()
    visitor.clock.tick(seconds=4)
    assert visitor.get("/notes").status_code == 200
    visitor.clock.tick(seconds=4)
    assert visitor.get("/notes").status_code == 303


@pytest.mark.parametrize("ahead", [-4, 4])
def test_server1s_clock_may_differ_by_four_seconds(restart, ahead):
    visitor = restart()
    clock = visitor.clock
    visitor.minter = TokenMinter(
        issuer=ISSUER, key_ring=visitor.key_ring, clock=lambda: clock() + timedelta(seconds=ahead)
    )
    begun = visitor.get("/notes")
    visitor.get(visitor.callback(visitor.get(begun.location)))
    assert visitor.get("/notes").status_code == 200


def test_the_page_leads_away_whoever_is_signed_in(visitor):
    visitor.arrive()
    assert visitor.get("/signed-out").location == "/notes"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/logout"])
def test_the_page_links_to_this_site_only(visitor, target):
    page = visitor.get("/signed-out", query_string={"target_link_uri": target})
    begun = visitor.get(f"/sso/login?{urlencode({'target_link_uri': target})}")
    assert f'href="{target}' not in page.text
    assert visitor.get(visitor.callback(begun)).location == "/notes"


def test_without_a_database_the_answer_is_503(restart):
    visitor = restart()
    with visitor.app.extensions["database"].writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER t BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    assert visitor.get("/notes").status_code == 503


def test_each_restart_asks_once(restart):
    visitor = restart()
    for _ in range(2):
        begun = visitor.get("/notes")
        assert begun.location.endswith("&prompt=none")
        visitor.get(visitor.callback(visitor.get(begun.location)))
        assert visitor.get("/notes").status_code == 200
        restart()
