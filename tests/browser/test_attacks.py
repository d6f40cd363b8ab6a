"""The attack bench in a real browser: its pages for everybody, and Mallory's link."""

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.chromium import PATIENCE
from tests.pair import Server, running
from tests.ports import free_port


@pytest.fixture(scope="module")
def lab(query_pair, tmp_path_factory):
    port = free_port()
    environment = {
        "LAB_DEMO": "1",
        "LAB_PORT": str(port),
        "LAB_SERVER1_URL": query_pair.server1.base_url,
        "LAB_SERVER2_URL": query_pair.server2.base_url,
    }
    folder = tmp_path_factory.mktemp("bench")
    server = Server("lab", f"http://lab.localhost:{port}", port, environment, folder)
    with running(server):
        yield server


@pytest.fixture
def page(chromium):
    context = chromium.new_context(reduced_motion="reduce", java_script_enabled=True)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def looks_right(page):
    tab = Tab(page, None)
    assert tab.violations() == []
    page.emulate_media(color_scheme="dark")
    assert tab.violations(runOnly=["color-contrast"]) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert not tab.scrolls_sideways()


def test_everybody_can_run_an_attack(lab, page):
    page.goto(f"{lab.base_url}/attacks")
    looks_right(page)
    page.get_by_role("button", name="Run it: “No signature needed”").click()
    expect(page.get_by_role("heading", name="SERVER2 stands")).to_be_visible()
    expect(page.get_by_role("heading", name="A typical tutorial's code falls")).to_be_visible()
    page.locator("details").first.evaluate("each => each.open = true")
    looks_right(page)


def test_mallorys_link_signs_a_victim_in_at_the_tutorial_alone(lab, page, query_pair):
    present = f"{lab.base_url.replace('lab', 'attacker')}/present"
    page.goto(present)
    looks_right(page)
    page.get_by_role("button", name="at SERVER2").click()
    expect(page.locator("h1")).to_have_text("You are not signed in")
    page.goto(f"{query_pair.server2.base_url}/session")
    assert page.url.startswith(f"{query_pair.server1.base_url}/login?")
    page.goto(present)
    page.get_by_role("button", name="at the tutorial").click()
    expect(page.locator("h1")).to_have_text("The tutorial takes you for Mallory")
    looks_right(page)
