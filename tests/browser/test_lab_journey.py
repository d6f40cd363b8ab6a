"""A real handoff, followed in the lab: three processes, and one browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.pair import Server, running, running_pair
from tests.ports import free_port
from tests.token_texts import JWT


@pytest.fixture(scope="module")
def watched_pair(tmp_path_factory):
    """The pair, which tells the lab what it sees, and the lab."""
    folder, port = tmp_path_factory.mktemp("watched"), free_port()
    url = f"http://lab.localhost:{port}"
    with running_pair(
        folder, server1={"SERVER1_LAB_URL": url}, server2={"SERVER2_LAB_URL": url}
    ) as pair:
        environment = {
            "LAB_DEMO": "1",
            "LAB_PORT": str(port),
            "LAB_SERVER1_URL": pair.server1.base_url,
            "LAB_SERVER2_URL": pair.server2.base_url,
        }
        lab = Server("lab", url, port, environment, folder / "lab")
        with running(lab):
            yield pair, lab
        for server in (pair.server1, pair.server2, lab):
            assert "Traceback" not in server.log
            assert not JWT.search(server.log)  # no token either


def look_at(tab, heading):
    """Check that everybody can use the page with this heading, in the dark and on a telephone."""
    page = tab.page
    expect(page.locator("h1")).to_have_text(heading)
    assert tab.violations() == []
    page.emulate_media(color_scheme="dark")
    assert tab.violations(runOnly=["color-contrast"]) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert not tab.scrolls_sideways()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="light")


def test_a_handoff_is_followed_and_its_token_refused(watched_pair, new_profile):
    pair, lab = watched_pair
    with new_profile(pair) as tab:
        page = tab.page
        page.goto(f"{lab.base_url}/journeys")
        page.get_by_role("link", name="Hand over in the address").click()
        tab.fill_in_sign_in()
        page.wait_for_url(tab.notes)
        page.get_by_role("link", name="See each step of it").click()
        look_at(tab, "A handoff, hop by hop")
        while not page.get_by_role("heading", name="You are in").count():
            page.reload()  # SERVER2 tells of the last hop when it has answered
        expect(page.get_by_role("img", name="The requests of your browser")).to_be_visible()
        expect(page.locator(".checks .good")).to_have_count(page.locator(".checks li").count())

        for button in ("In another browser", "After a minute"):
            page.get_by_role("button", name=button).click()
            look_at(tab, "Refused")
            expect(page.locator(".facts")).to_contain_text("code=token_replayed check=one_use")
            page.get_by_role("link", name="Back to the journey").click()
        page.get_by_role("link", name="Use it again").click()
        page.wait_for_url(tab.notes)
        used_again = page.get_by_role("status").filter(has_text="did not accept it again")
        expect(used_again).to_be_visible()

        page.goto(f"{lab.base_url}/journeys")
        page.get_by_role("link", name="Hand over in a form").click()
        page.wait_for_url(tab.notes)
        page.get_by_role("link", name="See each step of it").click()
        page.get_by_role("button", name="Use it again").click()
        page.wait_for_url(tab.notes)
        expect(used_again).to_be_visible()
        page.goto(f"{lab.base_url}/journeys")
        look_at(tab, "Follow the handoff")
        page.get_by_role("link", name="One of each, side by side").click()
        look_at(tab, "Two handoffs, side by side")
        expect(page.locator("mark", has_text=re.compile("^id_token=eyJ"))).to_have_count(2)
