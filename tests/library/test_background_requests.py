"""Requests that no person made, at the address that begins a handoff."""

import pytest

from tests.minimal_pair import RECEIVER, Browser

LOGIN = f"{RECEIVER}/sso/login?target_link_uri=/notes"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch;prerender"},
    ],
    ids=str,
)
def test_what_is_no_navigation_begins_nothing(receiver, headers, caplog):
    answer = Browser.at_receiver(receiver).get(LOGIN, headers=headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
    assert 'href="/sso/login?target_link_uri=/notes"' in answer.text
    assert caplog.records == []


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}], ids=str
)
def test_a_navigation_begins_a_handoff(receiver, headers):
    answer = Browser.at_receiver(receiver).get(LOGIN, headers=headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (303, True)


def test_a_page_that_polls_does_not_push_out_a_sign_in(browser):
    answer = browser.come_back("/notes")
    for _ in range(30):
        browser.get(LOGIN, headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})
    assert browser.follow(answer).location == "/notes"
