"""SERVER2 was restarted: the browser goes to SERVER1 and back once, with a Strict cookie."""

import pytest

from tests.pair import running_pair


@pytest.fixture
def pair(tmp_path):
    settings = {"SERVER2_SESSION_SAMESITE": "Strict", "SERVER2_TRUST_AFTER_START": "0"}
    with running_pair(tmp_path, server2=settings) as pair:
        yield pair


def wait_until_checked(tab):
    """A session that is a few seconds old is not checked."""
    link = tab.page.get_by_role("link", name="Sign in", exact=True)
    tab.page.goto(tab.home2)
    while not link.is_visible():
        tab.page.reload()


def test_after_a_restart_the_person_notices_nothing(tab):
    tab.arrive()
    tab.pair.server2.restart()
    wait_until_checked(tab)
    tab.page.get_by_role("link", name="Open your notes").click()
    tab.page.wait_for_url(tab.notes)
    tab.write_note("Written after the restart.")
