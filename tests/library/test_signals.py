import pytest

from flask_handoff import AccessDeniedError, handoff_issued
from tests.minimal_pair import CALLBACK, ISSUER, SIGNALS, Browser, Heard, query_of


@pytest.fixture
def both(issuer, receiver):
    return Heard(issuer), Heard(receiver)


def names(heard):
    return [name for name, _ in heard.events]


def test_a_handoff_is_told_once_on_either_side(browser, both):
    browser.arrive()
    assert [names(heard) for heard in both] == [["issued"], ["accepted"]]


def test_a_refused_request_is_told_at_the_issuer(browser, both):
    browser.get(f"{ISSUER}/authorize")
    [(name, told)] = both[0].events
    assert (name, told["error"].code, told["client"]) == ("refused", "client_unknown", None)
    assert told.keys() == {"error", "client", "request_id"}


def test_a_denied_access_is_told_on_both_sides(browser, both):
    browser.apps[ISSUER].extensions["hooks"].denies = AccessDeniedError()
    browser.arrive()
    assert [heard.errors() for heard in both] == [["access_denied"], ["authorization_failed"]]
    assert both[0].events[0][1]["client"].client_id == "notes"


def test_what_a_receiver_of_the_signal_raises_keeps_the_token_back(browser, issuer):
    def refuse(_app, **_about):
        raise AccessDeniedError

    with handoff_issued.connected_to(refuse, issuer):
        assert query_of(browser.come_back().location)["error"] == "access_denied"


def test_a_rejected_callback_is_told_at_the_receiver(browser, both):
    browser.get(CALLBACK)
    [(name, told)] = both[1].events
    assert (name, told["error"].code) == ("rejected", "request_malformed")
    assert told.keys() == {"error", "request_id"}


def test_an_outage_is_told_at_the_receiver(browser, both, store):
    answer = browser.come_back()
    store.out_of_reach = True
    browser.follow(answer)
    assert both[1].errors() == ["replay_store_unavailable"]


def test_a_signal_is_sent_for_its_own_application_only(build_issuer, build_receiver):
    pairs = [(build_issuer(), build_receiver()) for _ in range(2)]
    heard = [Heard(receiver) for _, receiver in pairs]
    browser = Browser(*pairs[0])
    browser.sign_in()
    browser.arrive()
    assert [names(each) for each in heard] == [["accepted"], []]


def test_no_signal_carries_a_token_or_a_cookie(browser, both):
    answer = browser.come_back()
    secrets = [query_of(answer.location)["id_token"], *browser.cookies().values()]
    browser.follow(answer)
    browser.follow(answer)
    browser.another().follow(answer)
    told = repr([heard.events for heard in both])
    assert not any(secret in told for secret in secrets)


def test_the_signals_have_the_documented_names():
    assert {signal.name for signal in SIGNALS.values()} == {
        "handoff-issued",
        "handoff-refused",
        "handoff-accepted",
        "handoff-rejected",
        "logout-accepted",
        "logout-rejected",
    }
