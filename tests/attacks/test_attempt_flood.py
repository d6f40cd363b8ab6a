import pytest

from flask_handoff import MemoryReplayStore
from tests.minimal_pair import Browser, query_of, receiver_app

FLOOD = 100
MOST_COOKIES = 12
MOST_CHARACTERS = 6 * 1024
LONGEST_TARGET = f"/{'x' * 2047}"


@pytest.fixture
def visitor(key_ring, clock):
    return Browser.at_receiver(receiver_app(key_ring, MemoryReplayStore(), clock))


@pytest.mark.parametrize("target", ["/", LONGEST_TARGET], ids=["short", "long"])
def test_a_flood_of_begun_handoffs_does_not_fill_the_cookie_jar(visitor, clock, target):
    for _ in range(FLOOD):
        visitor.begin(target)
        clock.tick(seconds=1)
    attempts = visitor.attempts()
    assert len(attempts) <= MOST_COOKIES
    assert sum(len(name) + len(value) for name, value in attempts.items()) <= MOST_CHARACTERS


@pytest.mark.parametrize("target", ["/", LONGEST_TARGET], ids=["short", "long"])
def test_the_handoff_begun_last_is_never_the_one_that_makes_room(visitor, clock, target):
    for _ in range(FLOOD):
        state = query_of(visitor.begin(target))["state"]
        clock.tick(seconds=1)
        assert f"handoff_tx_{state}" in visitor.attempts()
