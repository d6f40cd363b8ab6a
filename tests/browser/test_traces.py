"""What a handoff leaves behind in the browser, and whom it talks to on the way."""

import re
from urllib.parse import urlsplit

import pytest

TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.")


@pytest.fixture(params=["query_pair", "form_post_pair", "strict_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def requests(tab):
    """Whatever the browser asks for from now on."""
    seen = []
    tab.context.on("request", lambda request: seen.append(request))
    return seen


@pytest.fixture
def failures(tab):
    """Requests that fail from now on; those that the browser gives up when one goes on do not."""
    seen = []

    def note(request):
        if request.failure != "net::ERR_ABORTED":
            seen.append((request.url, request.failure))

    tab.context.on("requestfailed", note)
    return seen


def origin_of(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def test_no_request_leaves_the_two_servers_and_none_fails(tab, requests, failures):
    tab.arrive()
    tab.write_note("Kept among the two of us.")
    tab.page.goto(f"{tab.home2}session")
    tab.sign_out_of_notes()
    tab.page.goto(tab.home1)
    assert {origin_of(request.url) for request in requests} == {tab.home1, tab.home2}
    assert failures == []


def test_the_navigation_history_holds_neither_the_token_nor_the_callback(tab):
    tab.arrive()
    history = tab.context.new_cdp_session(tab.page).send("Page.getNavigationHistory")
    addresses = [entry[kind] for entry in history["entries"] for kind in ("url", "userTypedURL")]
    assert tab.notes in addresses
    assert not [each for each in addresses if "/sso/callback" in each or TOKEN.search(each)]


def test_no_request_tells_the_token_to_the_next_page(tab, requests):
    tab.arrive()
    tab.page.reload()
    tab.page.get_by_role("link", name="Signed in as").click()
    tab.page.wait_for_url(f"{tab.home2}session")
    headers = [request.all_headers() for request in requests]
    assert len(headers) > 5
    for each in headers:
        assert not TOKEN.search(each.get("referer", ""))
        assert "/sso/callback" not in each.get("referer", "")


def test_the_attempt_is_gone_after_the_arrival(tab):
    tab.page.goto(tab.notes)
    waiting = {cookie["name"][:6] for cookie in tab.context.cookies(tab.home2)}
    assert "s2_tx_" in waiting
    tab.fill_in_sign_in()
    tab.page.wait_for_url(tab.notes)
    left = {cookie["name"] for cookie in tab.context.cookies(tab.home2)}
    assert left - {"landed_s2_tx"} == {"s2_session"}  # that one lives ten seconds
