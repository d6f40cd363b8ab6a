"""Signing out in one tab at either server, and what the other tab and the back button show."""

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def remembering_chromium(launch):
    """Keeps pages for the back button as people's browsers do; Playwright switches that off."""
    return launch(ignore_default_args=["--disable-back-forward-cache"])


@pytest.fixture
def tab(new_person, remembering_chromium):
    return new_person(remembering_chromium)


@pytest.fixture(params=["query_pair", "strict_pair"])
def pair_of_either_cookie(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tab_by_form_post(new_profile, form_post_pair, remembering_chromium):
    with new_profile(form_post_pair, remembering_chromium) as tab:
        yield tab


@pytest.fixture
def either_tab(new_profile, pair_of_either_cookie, remembering_chromium):
    """A tab with script where the cookie of Notes is Lax, and one without where it is Strict."""
    is_lax = not is_strict(pair_of_either_cookie)
    profile = (pair_of_either_cookie, remembering_chromium)
    with new_profile(*profile, java_script_enabled=is_lax) as tab:
        yield tab


def is_strict(pair):
    return "Strict" in pair.server2.environment.values()


def test_signing_out_everywhere_at_notes_signs_the_other_tab_out(either_tab):
    tab = either_tab
    tab.sign_in_at_server1()
    at_server1 = tab.another()
    at_server1.page.goto(tab.home1)
    tab.continue_to_notes()
    tab.sign_out_of_notes()
    assert tab.page.url.startswith(f"{tab.home2}logout?state=")
    at_server1.page.get_by_role("link", name="Your account").click()
    at_server1.expect_heading("Sign in")
    at_server1.page.go_back()
    at_server1.expect_heading("One place for your password")
    tab.page.get_by_role("link", name="Your notes").click()
    tab.expect_heading("Sign in")


def test_signing_out_at_server1_signs_the_other_tab_out_and_says_so(either_tab):
    tab = either_tab
    tab.arrive()
    at_server1 = tab.another()
    at_server1.page.goto(tab.home1)
    at_server1.page.get_by_role("button", name="Sign out").click()
    # The page asks again by itself until Notes has confirmed, without script as well.
    expect(at_server1.page.get_by_role("status")).to_contain_text("has signed you out")
    tab.page.get_by_role("link", name="Signed in as").click()
    tab.expect_heading("Sign in")
    at_server1.page.go_back()
    at_server1.expect_heading("One place for your password")


@pytest.mark.parametrize("server", ["SERVER1", "Notes"])
def test_a_sign_out_in_one_tab_leaves_nothing_in_the_other(tab_by_form_post, server):
    tab = tab_by_form_post
    tab.arrive()
    tab.write_note(f"Until the sign-out at {server}.")
    tab.page.get_by_role("link", name="Signed in as").click()
    tab.page.wait_for_url(f"{tab.home2}session")
    other = tab.another()
    if server == "Notes":
        other.page.goto(tab.notes)
        other.sign_out_of_notes()
    else:
        other.page.goto(tab.home1)
        other.page.get_by_role("button", name="Sign out").click()
        expect(other.page.get_by_role("status")).to_contain_text("has signed you out")
    tab.page.get_by_role("link", name="Your notes").first.click()
    tab.expect_heading("Sign in")
    for _ in range(2):
        tab.page.go_back()
        tab.expect_heading("Sign in")
    assert "Until the sign-out" not in tab.page.content()


def test_signing_out_here_says_that_no_password_may_be_needed_next(tab):
    tab.arrive()
    tab.sign_out_of_notes("here")
    tab.page.get_by_text("may go without a password").wait_for()
    assert tab.violations() == []
    tab.page.get_by_role("link", name="Your notes").click()
    tab.page.wait_for_url(tab.notes)


def test_who_signed_out_here_can_sign_out_at_server1_as_well(either_tab):
    tab = either_tab
    tab.arrive()
    tab.sign_out_of_notes("here")
    tab.page.get_by_role("link", name="Sign out at SERVER1 as well").click()
    tab.page.get_by_text("Notes asks whether you want to sign out here as well.").wait_for()
    # Chromium would stop at SERVER1 if form-action did not name Notes.
    tab.page.get_by_role("button", name="Sign out").click()
    # A Strict cookie does not come along, and the page says no more than it knows.
    tab.expect_heading(f"You are signed out{'' if is_strict(tab.pair) else ' everywhere'}")
    tab.page.get_by_role("link", name="Your notes").click()
    tab.expect_heading("Sign in")


def test_the_pages_after_a_sign_out_can_be_used_by_everybody(tab):
    tab.arrive()
    tab.sign_out_of_notes()
    assert tab.violations() == []
    tab.page.get_by_role("link", name="See which services have confirmed").click()
    expect(tab.page.get_by_role("status")).to_contain_text("has signed you out")
    assert tab.violations() == []
    for width in (390, 320):
        tab.page.set_viewport_size({"width": width, "height": 800})
        assert not tab.scrolls_sideways()
