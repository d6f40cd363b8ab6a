import re

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONTINUE


@pytest.fixture(params=["query_pair", "form_post_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def test_one_sign_in_and_one_click_lead_to_the_notes(tab):
    tab.sign_in_at_server1()
    tab.continue_to_notes()
    tab.write_note("Written on the way through.")
    expect(tab.page).to_have_url(re.compile(f"{re.escape(tab.notes)}#note-.+"))


def test_who_comes_to_server2_first_is_led_through_the_sign_in(tab):
    tab.page.goto(tab.home2)
    tab.page.get_by_role("link", name="Sign in with SERVER1").click()
    tab.page.get_by_text("to continue to ").wait_for()
    tab.fill_in_sign_in()
    tab.page.wait_for_url(tab.notes)


def test_a_deep_link_is_reached_through_the_sign_in(tab):
    tab.page.goto(f"{tab.notes}?before=7")
    tab.fill_in_sign_in()
    tab.page.wait_for_url(f"{tab.notes}?before=7")


def test_a_wrong_password_is_said_and_the_address_is_still_there(tab):
    tab.page.goto(tab.notes)
    tab.fill_in_sign_in("not the password")
    tab.page.get_by_role("alert").wait_for()
    # The page's own script puts the address back, a moment after the page has come.
    expect(tab.page.get_by_label("E-mail address")).to_have_value("ada@example.com")
    expect(tab.page.get_by_label("Password")).to_have_value("")
    tab.fill_in_sign_in()
    tab.page.wait_for_url(tab.notes)


def test_after_the_arrival_the_address_is_clean_and_the_page_can_be_loaded_again(tab):
    tab.arrive()
    assert tab.page.url == tab.notes
    tab.page.reload()
    assert tab.page.url == tab.notes
    expect(tab.page.get_by_label("New note")).to_be_visible()
    assert tab.page.evaluate("document.referrer") in {"", tab.home1}


def test_nothing_a_script_can_reach_holds_the_token_or_a_cookie(tab):
    tab.arrive()
    reachable = tab.page.evaluate(
        """JSON.stringify([
            document.cookie, document.referrer, location.href, history.state,
            {...localStorage}, {...sessionStorage},
            performance.getEntries().map((entry) => entry.name),
            document.documentElement.outerHTML,
        ])"""
    )
    assert not re.search(r"eyJ[A-Za-z0-9_-]+\.eyJ", reachable)
    for cookie in tab.context.cookies():
        assert cookie["httpOnly"]
        assert cookie["value"] not in reachable


def test_back_after_the_arrival_leads_to_server1_and_forward_to_the_notes(tab):
    tab.arrive()
    tab.page.go_back()
    tab.page.wait_for_url(tab.home1)
    tab.page.go_forward()
    tab.page.wait_for_url(tab.notes)
    expect(tab.page.get_by_label("New note")).to_be_visible()


def test_two_tabs_that_wait_at_the_sign_in_both_arrive_where_they_wanted_to(tab):
    other = tab.another()
    tab.page.goto(tab.notes)
    other.page.goto(f"{tab.home2}session")
    other.fill_in_sign_in()
    other.page.wait_for_url(f"{tab.home2}session")
    tab.fill_in_sign_in()
    tab.page.wait_for_url(tab.notes)


def test_two_tabs_that_begin_together_both_arrive(tab):
    tab.sign_in_at_server1()
    other = tab.another()
    other.page.goto(tab.home1)
    for each in (tab, other):
        each.page.get_by_role("link", name=CONTINUE).click(no_wait_after=True)
    for each in (tab, other):
        each.page.wait_for_url(tab.notes)
        expect(each.page.get_by_label("New note")).to_be_visible()


def test_the_sites_are_two_and_each_has_its_own_cookies(tab):
    tab.arrive()
    tab.page.goto(tab.home1)
    kept = {
        (cookie["name"], cookie["domain"], cookie["sameSite"]) for cookie in tab.context.cookies()
    }
    kept -= {("landed_s2_tx", "127.0.0.1", "Lax")}  # lives ten seconds
    assert kept == {("s1_session", "localhost", "Lax"), ("s2_session", "127.0.0.1", "Lax")}
