"""By how much the clocks of SERVER1 and SERVER2 may differ."""

import re

import pytest

from flask_handoff.errors import ConfigurationError
from tests.minimal_pair import ISSUER, Browser, is_uniform_refusal, landed_at


@pytest.fixture(params=["0", "5", "60"])
def leeway(request):
    return int(request.param)


@pytest.fixture
def ready(build_issuer, build_receiver, leeway):
    browser = Browser(build_issuer(), build_receiver(HANDOFF_LEEWAY=str(leeway)))
    browser.sign_in()
    return browser


@pytest.mark.parametrize(("beyond", "arrives"), [(0, True), (1, False)])
def test_a_token_may_be_issued_ahead_by_the_leeway(ready, clock, leeway, beyond, arrives):
    begun = ready.begin("/notes")
    clock.tick(seconds=leeway + beyond)
    answer = ready.get(begun)
    clock.tick(seconds=-leeway - beyond)
    landed = ready.follow(answer)
    assert (landed_at(landed) == "/notes") is arrives
    if not arrives:
        assert is_uniform_refusal(landed)
        assert "The clocks of this service and of the sign-in server differ" in landed.text


@pytest.mark.parametrize(("beyond", "arrives"), [(-1, True), (0, False)])
def test_a_token_expires_by_the_leeway_later(ready, clock, leeway, beyond, arrives):
    answer = ready.come_back("/notes")
    clock.tick(seconds=60 + leeway + beyond)
    landed = ready.follow(answer)
    assert (landed_at(landed) == "/notes") is arrives
    if not arrives:
        assert "too old" in landed.text


def test_a_receiver_whose_clock_is_ahead_says_so(ready, clock, leeway, caplog):
    clock.tick(minutes=3)
    begun = ready.begin("/notes")
    clock.tick(minutes=-3)
    answer = ready.get(begun)
    clock.tick(minutes=3)
    landed = ready.follow(answer)
    assert is_uniform_refusal(landed)
    assert "The clocks of this service and of the sign-in server differ" in landed.text
    assert "code=clock_ahead check=time claim=exp kid=" in caplog.text
    assert f"iss={ISSUER} " in caplog.text
    assert "issued 180 s before this browser asked for it" in caplog.text


def test_a_used_token_is_remembered_longer_than_it_could_be_used(ready, clock, store, leeway):
    ready.arrive("/notes")
    [claimed] = store.claimed
    assert claimed[2] == int(clock().timestamp()) + 60 + leeway + 60


def test_without_any_leeway_a_fresh_sign_in_is_fresh_enough(build_issuer, build_receiver, clock):
    clock.tick(milliseconds=900)
    browser = Browser(build_issuer(), build_receiver(HANDOFF_LEEWAY="0"))
    begun = browser.begin("/notes", prompt="login")
    browser.sign_in()
    assert landed_at(browser.follow(browser.get(begun))) == "/notes"


@pytest.mark.parametrize("value", ["61", "-1", "1.5", "", "five"])
def test_another_leeway_refuses_to_start(build_receiver, value):
    with pytest.raises(ConfigurationError, match="HANDOFF_LEEWAY") as refused:
        build_receiver(HANDOFF_LEEWAY=value)
    # What it names as an example is accepted.
    build_receiver(HANDOFF_LEEWAY=re.search("example: ([0-9]+)", str(refused.value))[1])
