import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from flask_handoff.errors import JWKSUnavailableError
from flask_handoff.keys import VerificationKey
from flask_handoff.keys.jwks import JWKS_MAX_AGE
from flask_handoff.keys.remote.client import uptime
from flask_handoff.keys.remote.renewal import (
    ATTEMPT_INTERVAL,
    MOST_WAITING,
    STALE_IF_ERROR,
    KeyRenewal,
)
from tests.jwks_endpoint import FakeMonotonic, eventually, public_key


class Issuer:
    """Gives out one key, counts how often, and may take its time."""

    def __init__(self, monotonic, *, seconds=0):
        self.count = 0
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self._monotonic = monotonic
        self._seconds = seconds

    def __call__(self):
        self.count += 1
        self.asked.set()
        self.open.wait(60)
        self._monotonic.tick(self._seconds)
        return {"one": VerificationKey("one", public_key())}, None


def renewal_of(issuer, monotonic):
    return KeyRenewal(
        issuer,
        source="the issuer",
        lifetime=JWKS_MAX_AGE,
        deadline=timedelta(seconds=20),
        monotonic=monotonic,
    )


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def issuer(monotonic):
    return Issuer(monotonic)


@pytest.fixture
def renewal(issuer, monotonic):
    renewal = renewal_of(issuer, monotonic)
    yield renewal
    issuer.open.set()
    renewal.stop(wait=True)


def test_the_times_are_those_of_the_threat_model():
    assert timedelta(seconds=300) == JWKS_MAX_AGE
    assert timedelta(seconds=10) == ATTEMPT_INTERVAL
    assert timedelta(seconds=3600) == STALE_IF_ERROR


def test_a_stopped_renewal_never_asks_again(renewal_threads, renewal, issuer):
    renewal.stop()
    with pytest.raises(JWKSUnavailableError):
        renewal.keys()
    assert issuer.count == 0
    assert renewal_threads() == set()


def test_stopping_releases_who_waits(renewal, issuer):
    issuer.open.clear()
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(renewal.ask)
        assert issuer.asked.wait(30)
        renewal.stop()
        waiting.result(timeout=30)


def test_the_age_of_a_set_counts_from_the_question_not_from_the_answer(monotonic):
    issuer = Issuer(monotonic, seconds=4)
    renewal = renewal_of(issuer, monotonic)
    renewal.keys()
    monotonic.tick(296)
    renewal.keys()
    renewal.stop(wait=True)
    assert issuer.count == 2


def test_an_attempt_that_hangs_is_not_followed_by_a_second_one(renewal, issuer, monotonic):
    renewal.keys()
    issuer.open.clear()
    issuer.asked.clear()
    monotonic.tick(240)
    renewal.keys()
    assert issuer.asked.wait(30)
    for _ in range(20):
        monotonic.tick(1)
        renewal.keys()
    assert issuer.count == 2


def test_an_attempt_that_hangs_is_waited_for_once_and_not_by_each_who_comes_later(
    renewal, issuer, monotonic
):
    issuer.open.clear()
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(renewal.ask)
        assert issuer.asked.wait(30)
        monotonic.tick(21)
        renewal.ask()
        assert not waiting.done()
        issuer.open.set()
        waiting.result(timeout=30)
    assert issuer.count == 1


def test_beside_sixteen_others_nobody_waits_for_a_first_answer(renewal, issuer):
    issuer.open.clear()
    with ThreadPoolExecutor(MOST_WAITING) as callers:
        waiting = [callers.submit(renewal.keys) for _ in range(MOST_WAITING)]
        eventually(lambda: renewal._waiting == MOST_WAITING)
        with pytest.raises(JWKSUnavailableError, match="it has not ended"):
            renewal.keys()
        assert not any(each.done() for each in waiting)
        issuer.open.set()
    assert all(each.result().keys() == {"one"} for each in waiting)
    assert issuer.count == 1


@pytest.mark.processes
def test_the_clock_is_the_same_in_every_process_and_runs_on():
    code = "from flask_handoff.keys.remote.client import uptime; print(uptime())"
    before = uptime()
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert before < float(answer.stdout) < uptime()
