"""Silent attempts (prompt=none), which check whether somebody is still signed in at SERVER1."""

import pytest

from tests.minimal_pair import CALLBACK, ISSUER, RECEIVER, Browser, query_of

NOT_CONFIRMED = [
    *("login_required", "interaction_required", "consent_required"),
    *("account_selection_required", "access_denied"),
]


def answered(browser, error, **begun):
    begin = browser.get(
        f"{RECEIVER}/sso/login", query_string={"target_link_uri": "/a?b=c", **begun}
    )
    query = {"error": error, "state": query_of(begin.location)["state"], "iss": ISSUER}
    return browser.get(CALLBACK, query_string=query)


@pytest.mark.parametrize("error", NOT_CONFIRMED)
def test_a_silent_attempt_that_is_refused_goes_where_the_hook_says(issuer, build_receiver, error):
    browser = Browser(issuer, build_receiver(not_confirmed=lambda target: f"/bye?from={target}"))
    answer = answered(browser, error, prompt="none")
    assert (answer.status_code, answer.location) == (303, "/bye?from=/a?b=c")
    assert browser.attempts() == {}


@pytest.mark.parametrize(
    ("error", "begun"), [("login_required", {}), ("server_error", {"prompt": "none"})]
)
def test_any_other_error_is_answered_with_a_page(issuer, build_receiver, error, begun):
    browser = Browser(issuer, build_receiver(not_confirmed=lambda _target: "/bye"))
    assert answered(browser, error, **begun).status_code == 403


def test_without_the_hook_a_silent_attempt_ends_on_a_page(browser):
    assert answered(browser, "login_required", prompt="none").status_code == 403
