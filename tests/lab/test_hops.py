"""Hops that the servers tell of: who may, and how they become journeys."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flask_service.hops.hop import MAXIMUM, Hop
from lab import create_app
from lab.config import Config, Server
from lab.hops import MOST_JOURNEYS, MOST_REQUESTS, Hops, journey_id

LAB, ATTACKER = "http://lab.localhost:5003", "http://attacker.localhost:5003"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SERVERS = {"SERVER1": "http://localhost:5001", "SERVER2": "http://127.0.0.1:5002"}


def hop(server, path, *, seconds=0, **changes):
    """Return a hop with these parts, and the rest empty."""
    texts = ("method", "user_agent", "location", "content_type", "verdict", "code", "check")
    lists = ("query", "form", "cookies", "set_cookies", "location_query", "log", "checks")
    given: dict[str, Any] = {
        **dict.fromkeys(texts, ""),
        **dict.fromkeys(lists, ()),
        "method": "GET",
        "request_id": f"{path}-{seconds}",
        "milliseconds": 1.0,
        "status": 303,
    }
    at = START + timedelta(seconds=seconds)
    given |= {"server": server, "base_url": SERVERS[server], "path": path, "at": at, **changes}
    return Hop(**given)


def handoff(name="a", seconds=0):
    """Return the hops of one handoff with a sign-in in it, in their order."""
    state, token, carried = ("state", f"s-{name}"), ("id_token", f"t-{name}"), ("continue", name)
    target, login = f"/notes-{name}", {"query": (carried,)}
    return [
        hop(
            "SERVER2",
            "/sso/login",
            seconds=seconds,
            location=f"{SERVERS['SERVER1']}/authorize",
            location_query=(state,),
        ),
        hop(
            "SERVER1",
            "/authorize",
            seconds=seconds + 1,
            query=(state,),
            location="/login",
            location_query=(carried,),
        ),
        hop("SERVER1", "/login", seconds=seconds + 2, status=200, **login),
        hop(
            "SERVER1",
            "/login",
            seconds=seconds + 3,
            method="POST",
            form=(carried,),
            location="/authorize",
            location_query=(carried,),
        ),
        hop(
            "SERVER1",
            "/authorize",
            seconds=seconds + 4,
            query=(carried,),
            location=f"{SERVERS['SERVER2']}/sso/callback",
            location_query=(token, state),
        ),
        hop("SERVER2", "/sso/callback", seconds=seconds + 5, query=(token, state), location=target),
        hop("SERVER2", target, seconds=seconds + 6, status=200),
    ]


@pytest.fixture(scope="module")
def app():
    return create_app(Config.from_environment({"LAB_DEMO": "1"}))


@pytest.fixture
def post(app):
    """Posts what is given as a server does."""

    def send(body, *, base_url=LAB, content_type="application/json", headers=None):
        client = app.test_client()
        return client.post(
            "/hops", base_url=base_url, data=body, content_type=content_type, headers=headers
        )

    return send


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "from the end"])
def test_the_hops_of_a_handoff_become_one_journey(order):
    hops, told = Hops(), handoff()
    *carrying, landing = told
    for each in carrying[::order]:
        hops.add(each)
    hops.add(landing)
    assert hops.journey(journey_id("t-a")) == told
    assert hops.newest() == [(journey_id("t-a"), told)]


def test_two_handoffs_at_once_are_two_journeys():
    hops = Hops()
    first, second = handoff("a"), handoff("b", seconds=0.5)
    for one, other in zip(first, second, strict=True):
        hops.add(one)
        hops.add(other)
    assert hops.journey(journey_id("t-a")) == first
    assert hops.journey(journey_id("t-b")) == second


def test_a_page_that_no_redirect_led_to_belongs_to_none():
    hops = Hops()
    for each in [*handoff(), hop("SERVER2", "/notes-a", seconds=9, request_id="later")]:
        hops.add(each)
    assert len(hops.journey(journey_id("t-a"))) == len(handoff())
    assert hops.by_request_id("later").path == "/notes-a"


def test_before_its_token_is_known_a_handoff_is_no_journey():
    hops = Hops()
    for each in handoff()[:4]:
        hops.add(each)
    assert hops.newest() == []


def test_the_oldest_journey_and_the_oldest_request_make_room():
    hops = Hops()
    for number in range(MOST_JOURNEYS + 1):
        for each in handoff(str(number), seconds=10 * number):
            hops.add(each)
    with pytest.raises(KeyError):
        hops.journey(journey_id("t-0"))
    assert len(hops.newest()) == MOST_JOURNEYS
    for number in range(MOST_REQUESTS):
        hops.add(hop("SERVER2", "/notes", request_id=str(number)))
    with pytest.raises(KeyError):
        hops.by_request_id("/notes-200-2006")


def test_a_server_may_tell_of_a_hop(post, app):
    told = handoff()[5]
    assert post(told.to_json()).status_code == 204
    assert app.extensions["lab"][1].by_request_id(told.request_id) == told


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"headers": {"Origin": ATTACKER}}, 403),
        ({"headers": {"Origin": "null"}}, 403),
        ({"headers": {"Sec-Fetch-Site": "same-origin"}}, 403),
        ({"headers": {"Sec-Fetch-Site": "none"}}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"base_url": ATTACKER}, 404),
    ],
)
def test_no_page_may_tell_of_a_hop(post, how, status):
    assert post(handoff()[0].to_json(), **how).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 20_000,
        *(
            json.dumps({**json.loads(handoff()[0].to_json()), **change}).encode()
            for change in (
                {"path": None},
                {"path": "x" * 5000},
                {"query": [["one"]]},
                {"query": [["a", "b"]] * 51},
                {"checks": ["x"]},
                {"status": "200"},
                {"status": -1},
                {"milliseconds": float("nan")},
                {"at": "yesterday"},
                {"at": "2026-01-01T12:00:00"},
                {"at": "9999-12-31T23:59:59-23:59"},
                {"path": "/\ud800"},
                {"query": [["id_token", "\ud800"]]},
            )
        ),
    ],
    ids=str,
)
def test_what_is_no_hop_is_refused(post, body):
    assert post(body).status_code == 400


def test_what_is_too_large_for_a_hop_is_refused(post):
    assert post(b"x" * (MAXIMUM + 1)).status_code == 413


def test_the_lab_knows_where_the_servers_are():
    config = Config.from_environment(
        {
            "LAB_DEMO": "1",
            "LAB_SERVER1_URL": "http://localhost:6001",
            "LAB_PUBLISHED_ON_LOOPBACK": "1",
            "LAB_SERVER2_ADDRESS": "http://server2:5002",
            "DEMO_PASSWORD": "a password",
        }
    )
    assert config.server1 == Server("http://localhost:6001", "http://localhost:6001")
    assert config.server2 == Server("http://127.0.0.1:5002", "http://server2:5002")
    assert config.demo_password == "a password"
    assert "a password" not in repr(config)
