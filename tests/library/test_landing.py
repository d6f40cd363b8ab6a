"""Where a handoff ends: the way on, and browsers that keep no session."""

import logging

import pytest
from flask import redirect

from tests.minimal_pair import RECEIVER, Browser, landed_at

LOGIN = f"{RECEIVER}/sso/login?target_link_uri=/notes"


@pytest.fixture
def forgetful(build_issuer, build_receiver):
    """A browser with somebody signed in at SERVER1, to whom SERVER2's session is lost each time."""
    browser = Browser(build_issuer(), build_receiver(HANDOFF_RESPONSE_MODE="form_post"))
    browser.sign_in()
    browser.apps[RECEIVER].extensions["signs_in"] = lambda _: lose_sessions(browser)
    browser.apps[RECEIVER].extensions["looks_up"] = lambda: lose_sessions(browser)
    return browser


def lose_sessions(browser):
    browser.apps[RECEIVER].extensions["sessions"].clear()


def arrive(browser):
    assert landed_at(browser.arrive("/notes")) == "/notes"


def test_what_follows_a_post_is_a_page_that_goes_on_by_itself(build_issuer, build_receiver):
    browser = Browser(build_issuer(), build_receiver(HANDOFF_RESPONSE_MODE="form_post"))
    browser.sign_in()
    answer = browser.arrive("/notes?a=1&b='2'")
    assert (answer.status_code, landed_at(answer)) == (200, "/notes?a=1&b='2'")
    assert "form-action" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    cookies = answer.headers.getlist("Set-Cookie")
    (counter,) = [cookie for cookie in cookies if cookie.startswith("landed_")]
    assert counter.endswith("; HttpOnly; Path=/; SameSite=Lax")


def test_a_browser_that_keeps_no_session_is_told_so_and_the_log(forgetful, caplog):
    for _ in range(3):
        arrive(forgetful)
    with caplog.at_level(logging.WARNING, logger="flask_handoff"):
        page = forgetful.get(LOGIN)
    assert page.status_code == 403
    assert "Your sign-in was not kept" in page.text
    assert 'href="/sso/login?target_link_uri=/notes"' in page.text
    for cause in ("SECRET_KEY", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_SECURE", "coroutine"):
        assert cause in caplog.text
    assert "code=session_not_kept" in caplog.text
    assert forgetful.attempts() == {}


def test_after_that_page_one_may_try_again(forgetful):
    for _ in range(3):
        arrive(forgetful)
    assert forgetful.get(LOGIN).status_code == 403
    arrive(forgetful)


def test_who_signs_out_and_in_again_is_no_loop(forgetful, clock):
    for _ in range(4):
        arrive(forgetful)
        clock.tick(seconds=5)


def test_who_signed_out_everywhere_may_sign_in_at_once(build_issuer, build_receiver):
    receiver = build_receiver()

    @receiver.get("/bye")
    def bye():
        receiver.extensions["sessions"].clear()
        return redirect(receiver.extensions["handoff"].logout_url("s"), 303)

    browser = Browser(build_issuer(), receiver)
    browser.sign_in()
    for _ in range(5):
        arrive(browser)
        assert browser.get(f"{RECEIVER}/bye").status_code == 303


def test_who_is_signed_in_may_begin_again_and_again(pair):
    browser = Browser(*pair)
    browser.sign_in()
    for _ in range(4):
        arrive(browser)


@pytest.mark.parametrize("value", ["", "x", "9", "9.", "9.1767268800.1", "-2.1767268800"])
def test_a_count_that_is_not_of_its_form_counts_nothing(forgetful, value):
    arrive(forgetful)
    forgetful.plant("landed_handoff_tx", value)
    assert forgetful.get(LOGIN).status_code == 303


def test_over_https_the_count_is_of_this_host_only(build_receiver):
    receiver = build_receiver(HANDOFF_BASE_URL="https://notes.example.com")
    landings = receiver.extensions["handoff_receiver"].landings
    assert (landings.name, landings.secure) == ("__Host-landed_handoff_tx", True)
