import pytest


@pytest.fixture
def other(new_person):
    """Another person's browser."""
    return new_person()


def opens_signed_out(tab):
    """Tell whether SERVER2 asks this browser to sign in first."""
    tab.page.goto(tab.notes)
    return tab.page.url.startswith(f"{tab.home1}login?")


def unused_callback_address(tab):
    """Begin on SERVER1's page, and stop short of the address that would sign this browser in."""
    address = tab.page.get_by_role("link", name="Continue to Notes").get_attribute("href")
    while "/sso/callback?" not in address:
        address = tab.context.request.get(address, max_redirects=0).headers["location"]
    return address


def test_a_callback_address_from_another_browser_signs_nobody_in(tab, other):
    tab.sign_in_at_server1()
    address = unused_callback_address(tab)
    assert other.page.goto(address).status == 403
    other.page.get_by_role("heading", name="You are not signed in").wait_for()
    assert opens_signed_out(other)
    assert tab.page.goto(address).status == 403  # a token that strayed is good for nobody


def test_an_unused_callback_address_signs_its_own_browser_in(tab):
    tab.sign_in_at_server1()
    assert tab.page.goto(unused_callback_address(tab)).status == 200
    assert tab.page.url == tab.notes


def test_a_used_callback_address_is_refused_elsewhere_and_harmless_at_home(tab, other):
    with tab.context.expect_event(
        "request", lambda request: "/sso/callback?" in request.url
    ) as callback:
        tab.arrive()
    address = callback.value.url
    assert other.page.goto(address).status == 403
    assert opens_signed_out(other)
    assert tab.page.goto(address).status == 200
    assert tab.page.url == tab.notes


def test_two_people_do_not_see_each_others_sessions(tab, other):
    tab.arrive()
    assert opens_signed_out(other)
    other.page.goto(other.home1)
    other.page.get_by_role("link", name="Sign in").wait_for()
