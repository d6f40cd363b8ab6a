"""A genuine token of the attacker's own attempt, in an answer that the victim's browser brings.

Whoever chose the nonce may spoil the rest of the answer. However it is refused, the token is dead.
"""

import threading
from urllib.parse import urlencode

import pytest

from flask_handoff.errors import (
    DependencyUnavailableError,
    HandoffError,
    ReplayStoreUnavailableError,
)
from flask_handoff.receiver.leaked_tokens import MOST_KEPT
from tests.library.test_receiver_refusals import KeysOutOfReach, is_unavailable
from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    is_signed_in,
    is_uniform_refusal,
    landed_at,
    query_of,
    with_query,
)

FINISH = f"{RECEIVER}/sso/finish"

SPOILT = {
    "no state": {"state": None},
    "a short state": {"state": "s"},
    "a long state": {"state": "s" * 1000},
    "a state with NUL": {"state": "s" * 42 + "\x00"},
    "a state that is not ASCII": {"state": "ß" * 30},
    "two states": {"state": ["s" * 43, "t" * 43]},
    "a state of nobody": {"state": "s" * 43},
    "no iss": {"iss": None},
    "two isses": {"iss": [ISSUER, ISSUER]},
    "another iss": {"iss": "https://evil.example.com"},
    "an endless iss": {"iss": "i" * 4097},
    "an error as well": {"error": "access_denied"},
    "two errors": {"error": ["a", "b"]},
}


@pytest.fixture
def victim(receiver):
    """A browser that has begun nothing."""
    return Browser.at_receiver(receiver)


def planned_failure():
    raise RuntimeError("the database of the application")


def planned_outage():
    raise DependencyUnavailableError("the sessions of the application")


class Gate:
    """A lock that tells when so many callers have come to it."""

    def __init__(self, lock, callers):
        self._lock = lock
        self._callers = threading.Semaphore(0)
        self._number = callers

    def wait_for_all(self):
        assert all(self._callers.acquire(timeout=60) for _ in range(self._number))

    def __enter__(self):
        self._callers.release()
        return self._lock.__enter__()

    def __exit__(self, *error):
        return self._lock.__exit__(*error)


def spoilt(location, change):
    given = {**query_of(location), **change}
    return urlencode({name: value for name, value in given.items() if value is not None}, True)


@pytest.mark.parametrize("change", SPOILT.values(), ids=list(SPOILT))
@pytest.mark.parametrize("place", ["callback", "finish"])
def test_a_spoilt_answer_in_another_browser_spends_its_token(browser, victim, heard, place, change):
    answer = browser.come_back("/notes")
    sent = spoilt(answer.location, change)
    form = {"data": sent, "content_type": "application/x-www-form-urlencoded"}
    refused = (
        victim.get(f"{CALLBACK}?{sent}") if place == "callback" else victim.post(FINISH, **form)
    )
    assert refused.status_code in {400, 403}
    assert is_uniform_refusal(browser.get(answer.location))
    assert not is_signed_in(browser)
    assert heard.errors()[-1] == "token_replayed"


@pytest.mark.parametrize("state", [None, ["s" * 43, "t" * 43]], ids=["none", "two"])
def test_a_spoilt_posted_answer_spends_its_token(build_issuer, build_receiver, store, state):
    receiver = build_receiver(HANDOFF_RESPONSE_MODE="query")
    browser = Browser(build_issuer(), receiver)
    browser.sign_in()
    sent = spoilt(browser.come_back("/notes").location, {"state": state})
    form = {"data": sent, "content_type": "application/x-www-form-urlencoded"}
    assert Browser.at_receiver(receiver).post(CALLBACK, **form).status_code == 400
    assert len(store.claimed) == 1


def test_a_token_in_query_and_form_of_a_refused_request_is_spent(browser, victim, store):
    answer = browser.come_back("/notes")
    assert victim.post(answer.location, {"state": "s" * 43}).status_code == 400
    assert len(store.claimed) == 1


def test_a_body_that_is_too_large_is_not_read_for_a_token(browser, victim, store):
    fields = {**query_of(browser.come_back("/notes").location), "more": "x" * 20_000}
    assert victim.post(FINISH, fields).status_code == 413
    assert store.claimed == []


@pytest.mark.parametrize("change", [{"iss": "https://evil.example.com"}, {"iss": None}])
def test_a_spoilt_answer_leaves_a_live_attempt_its_token(browser, store, change):
    answer = browser.come_back("/notes")
    assert browser.get(with_query(answer.location, **change)).status_code in {400, 403}
    assert store.claimed == []
    assert browser.get(answer.location).location == "/notes"


@pytest.mark.parametrize(("fails", "status"), [(planned_failure, 500), (planned_outage, 503)])
def test_a_hook_that_fails_keeps_no_leaked_token_alive(
    browser, victim, receiver, store, fails, status
):
    answer = browser.come_back("/notes")
    receiver.extensions["looks_up"] = fails
    receiver.config["PROPAGATE_EXCEPTIONS"] = False
    assert victim.get(answer.location).status_code == status
    assert len(store.claimed) == 1


def test_a_hook_and_a_store_that_fail_keep_it_for_later(browser, victim, receiver, store):
    answer = browser.come_back("/notes")
    receiver.extensions["looks_up"], store.out_of_reach = planned_failure, True
    assert is_unavailable(victim.get(answer.location))
    receiver.extensions["looks_up"], store.out_of_reach = lambda: None, False
    assert is_uniform_refusal(browser.get(answer.location))


def test_two_tokens_in_one_answer_are_both_refused_and_neither_is_read(browser, victim, store):
    tokens = [query_of(browser.come_back("/notes").location)["id_token"] for _ in range(2)]
    assert victim.get(f"{CALLBACK}?{urlencode({'id_token': tokens}, True)}").status_code == 400
    assert store.claimed == []


@pytest.mark.parametrize("forged", ["a.b.c", "x", "é"])
def test_what_is_not_genuine_writes_nothing(victim, store, forged):
    assert victim.get(f"{CALLBACK}?{urlencode({'id_token': forged})}").status_code == 400
    assert store.claimed == []


def test_a_token_whose_time_has_not_begun_cannot_be_waited_for(browser, victim, heard, clock):
    clock.tick(seconds=6)
    answer = browser.come_back("/notes")
    clock.tick(seconds=-6)
    assert is_uniform_refusal(victim.get(answer.location))
    clock.tick(seconds=6)
    assert is_uniform_refusal(browser.get(answer.location))
    assert heard.errors() == ["token_not_yet_valid", "token_replayed"]


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_whoever_goes_on_in_another_browser_may_start_again_there(
    build_issuer, build_receiver, mode
):
    receiver = build_receiver(HANDOFF_RESPONSE_MODE=mode)
    browser, other = Browser(build_issuer(), receiver), Browser.at_receiver(receiver)
    browser.sign_in()
    answer = browser.come_back("/notes?page=2")
    landed = other.get(answer.location) if mode == "query" else other.follow(answer)
    assert is_uniform_refusal(landed)
    assert 'href="/sso/login?target_link_uri=/notes?page%3D2"' in landed.text


def test_a_target_too_long_for_an_address_stays_away(browser):
    answer = browser.come_back(f"/notes?{'x' * 600}")
    assert "target_link_uri" not in answer.location
    assert landed_at(browser.follow(answer)).startswith("/notes?xxx")


# What a 503 leaves unspent.


def test_a_token_that_came_during_an_outage_is_dead_after_it(browser, victim, store, heard):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    assert is_unavailable(victim.get(answer.location))
    assert is_unavailable(victim.get(with_query(answer.location, state=None)))
    store.out_of_reach = False
    assert is_uniform_refusal(browser.get(answer.location))
    assert not is_signed_in(browser)
    assert heard.errors()[-1] == "token_replayed"


def test_a_token_that_came_without_keys_is_dead_with_them(build_issuer, build_receiver, key_ring):
    keys = KeysOutOfReach(key_ring)
    receiver = build_receiver(keys=keys)
    browser, victim = Browser(build_issuer(), receiver), Browser.at_receiver(receiver)
    browser.sign_in()
    keys.within_reach = True
    answer = browser.come_back("/notes")
    keys.within_reach = False
    assert is_unavailable(victim.get(answer.location))
    keys.within_reach = True
    assert is_uniform_refusal(browser.get(answer.location))


def test_a_readiness_check_spends_what_came_during_an_outage(browser, victim, receiver, store):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    victim.get(answer.location)
    store.out_of_reach = False
    with receiver.app_context():
        receiver.extensions["handoff"].check_ready()
    assert len(store.claimed) == 1


def test_nobody_arrives_while_it_cannot_be_made_up_for(browser, victim, store):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    victim.get(answer.location)
    store.out_of_reach = False
    claim, tried = store.claim, []

    def claim_at_second_try(*name, **dates):
        tried.append(name)
        if len(tried) == 1:
            raise ReplayStoreUnavailableError("for a moment")
        claim(*name, **dates)

    store.claim = claim_at_second_try
    assert is_unavailable(browser.get(answer.location))
    assert is_uniform_refusal(browser.get(answer.location))


def test_of_those_who_wait_for_a_store_that_hangs_one_asks(browser, victim, receiver, store):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    victim.get(answer.location)
    entered, go_on, asked = threading.Event(), threading.Event(), []

    def hang(claims):
        asked.append(claims)
        entered.set()
        assert go_on.wait(60)
        raise ReplayStoreUnavailableError("no answer")

    store.check_session = hang
    leaked = receiver.extensions["handoff_receiver"].leaked_tokens
    failed = []

    def catch_up():
        with pytest.raises(DependencyUnavailableError):
            leaked.catch_up()
        failed.append(True)

    first, *others = [threading.Thread(target=catch_up) for _ in range(4)]
    leaked._catching_up = Gate(leaked._catching_up, callers=4)
    first.start()
    assert entered.wait(60)
    for other in others:
        other.start()
    leaked._catching_up.wait_for_all()
    go_on.set()
    for thread in (first, *others):
        thread.join(60)
    assert (len(failed), len(asked)) == (4, 1)


def test_a_page_that_is_loaded_again_takes_no_second_place(browser, victim, receiver, store):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    for _ in range(3):
        victim.get(answer.location)
    assert len(receiver.extensions["handoff_receiver"].leaked_tokens._pending) == 1


def test_others_arrive_after_an_outage_while_it_is_made_up_for(browser, victim, store):
    leaked, own = browser.come_back("/notes"), browser.come_back("/notes")
    store.out_of_reach = True
    victim.get(leaked.location)
    store.out_of_reach = False
    assert browser.get(own.location).location == "/notes"


def test_junk_that_came_without_keys_is_bounded(build_receiver, key_ring):
    keys = KeysOutOfReach(key_ring)
    receiver = build_receiver(keys=keys)
    leaked = receiver.extensions["handoff_receiver"].leaked_tokens
    signature = "A" * 342
    for number in range(MOST_KEPT + 5):
        with pytest.raises(HandoffError):
            leaked.invalidate(
                f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJoYW5kb2ZmK2p3dCJ9.a{number:05}.{signature}"
            )
    assert len(leaked._pending) == MOST_KEPT
    keys.within_reach = True
    leaked.catch_up()
    assert not leaked._pending


def test_whoever_comes_meanwhile_waits_until_it_is_made_up_for(browser, victim, receiver, store):
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    victim.get(answer.location)
    store.out_of_reach = False
    claim, entered, go_on = store.claim, threading.Event(), threading.Event()

    def slow_claim(*name, **dates):
        entered.set()
        assert go_on.wait(60)
        claim(*name, **dates)

    store.claim = slow_claim
    leaked = receiver.extensions["handoff_receiver"].leaked_tokens
    first = threading.Thread(target=leaked.catch_up)
    first.start()
    assert entered.wait(60)
    answers = []
    second = threading.Thread(target=lambda: answers.append(browser.get(answer.location)))
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert is_uniform_refusal(answers[0])
