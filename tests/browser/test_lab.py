"""The lab in a real browser: every experiment at every place, and its pages for everybody."""

import re

import pytest
from playwright.sync_api import expect

from lab.places.catalogue import PLACES
from lab.places.experiments import MEASURED, shown
from tests.browser.places import put_token, try_place
from tests.browser.tab import Tab
from tests.chromium import PATIENCE, REMEMBERING


@pytest.fixture(scope="module")
def remembering_chromium(launch):
    return launch(**REMEMBERING)


@pytest.fixture(scope="module")
def profile(remembering_chromium):
    context = remembering_chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(profile):
    page = profile.new_page()
    yield page
    for each in profile.pages:
        each.close()


def stop_scripts(page):
    """Keep a step's page open: its own script would lead on."""
    page.route("**/*.js", lambda route: route.abort())


@pytest.mark.parametrize("place", PLACES)
def test_this_browser_does_what_was_measured(lab, page, place):
    measured = MEASURED["chromium"]["seen"][place]
    assert try_place(page, lab, place) == {
        name: shown(outcome) for name, outcome in measured.items()
    }
    assert "your browser differs" not in page.content()


def front(page, lab):
    page.goto(f"{lab.base_url}/")


def hole(page, lab):
    stop_scripts(page)
    put_token(page, lab, "local-storage")


def without_the_hole(page, lab):
    hole(page, lab)
    page.get_by_role("link", name="Continue, if nothing happens").click()
    page.wait_for_url("**step=strict**")


def attackers_page(page, lab):
    without_the_hole(page, lab)
    page.get_by_role("link", name="Continue, if nothing happens").click()


def held(page, lab):
    attackers_page(page, lab)
    page.get_by_role("link", name="Follow a link to the victim").click()


def signed_out(page, lab):
    held(page, lab)
    page.get_by_role("button", name="Sign out, and go back").click()


def table_of_results(page, lab):
    signed_out(page, lab)
    page.get_by_role("link", name="To the results").click()


def sessions(page, lab):
    page.goto(f"{lab.base_url}/sessions")
    page.get_by_label("A JWT, and a date for each user", exact=True).check()
    page.get_by_role("button", name="Sign in this way").click()
    for button in ("Make a request", "Set the user's date to now", "Make the same request again"):
        page.get_by_role("button", name=button).click()
    refused = page.get_by_role("cell", name="refused")
    expect(refused).to_have_count(2)  # the phone's as well


def attacker(page, lab):
    page.goto(f"{lab.base_url.replace('lab', 'attacker')}/")


def no_such_page(page, lab):
    page.goto(f"{lab.base_url}/nowhere")


# Each with its heading, which tells that it is the page that is meant.
PAGES = {
    front: "Where is my token?",
    hole: "A site with a hole",
    without_the_hole: "The same site, without the hole",
    attackers_page: "Somebody else's page",
    held: "Three more checks",
    signed_out: "You are signed out",
    table_of_results: "What your browser did",
    sessions: "Sessions, and how to end them",
    attacker: "This is another site",
    no_such_page: "There is no such page",
}


@pytest.mark.parametrize("show", PAGES, ids=lambda show: show.__name__)
def test_everybody_can_use_the_page(lab, page, show):
    show(page, lab)
    expect(page.locator("h1")).to_have_text(PAGES[show])
    tab = Tab(page, None)
    assert tab.violations() == []
    page.emulate_media(color_scheme="dark")
    assert tab.violations(runOnly=["color-contrast"]) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert not tab.scrolls_sideways()


def test_without_script_the_lab_shows_what_was_measured(lab, remembering_chromium):
    context = remembering_chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    front(page, lab)
    expect(
        page.get_by_role("row", name="A script that got into the page reads it")
    ).to_contain_text(re.compile("yes.+no", re.DOTALL))
    expect(page.locator("noscript .remark")).to_be_visible()
    page.get_by_role("button", name="Put it there").click()
    expect(page.locator("noscript .remark")).to_be_visible()
    context.close()
