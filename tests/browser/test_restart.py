"""SERVER2 was restarted: the browser goes to SERVER1 and back once, with a Strict cookie."""

import pytest

from tests.end_to_end.journey import Browser
from tests.jwks_endpoint import eventually
from tests.pair import running_pair


@pytest.fixture
def pair(tmp_path):
    settings = {"SERVER2_SESSION_SAMESITE": "Strict", "SERVER2_TRUST_AFTER_START": "0"}
    with running_pair(tmp_path, server2=settings) as pair:
        yield pair


def wait_until_it_would_be_checked(tab):
    """A session that is a few seconds old is not; the front page never checks one."""
    with Browser(tab.home1[:-1], tab.home2[:-1]) as copy:
        copy.take_cookies(
            {cookie["name"]: cookie["value"] for cookie in tab.context.cookies(tab.home2)}
        )
        eventually(lambda: "Signed in as" not in copy.get(tab.home2).text, within=60)


def test_after_a_restart_the_person_notices_nothing(tab):
    tab.arrive()
    tab.pair.server2.restart()
    wait_until_it_would_be_checked(tab)
    tab.complaints.clear()  # of what the browser asked for while nothing answered
    tab.page.goto(tab.home2)
    tab.page.get_by_role("link", name="Open your notes").click()
    tab.page.wait_for_url(tab.notes)
    tab.write_note("Written after the restart.")
