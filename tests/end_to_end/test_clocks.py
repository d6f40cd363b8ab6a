"""Two machines of SERVER1, one of them four seconds ahead, and what is taken back meanwhile."""

from urllib.parse import urlsplit

import pytest

from tests.end_to_end.journey import PATIENCE
from tests.jwks_endpoint import eventually
from tests.pair import Server, running
from tests.ports import free_port

ALAN = "alan.turing@example.com"
SECONDS = 60  # a session has ended after a fraction of one; a busy machine takes its time


@pytest.fixture
def ahead(query_pair):
    """A second machine of SERVER1: the same directory and database, and a clock of its own."""
    one, port = query_pair.server1, free_port()
    environment = {**one.environment, "SERVER1_PORT": str(port)}
    machine = Server("tests.end_to_end.machine_ahead", one.base_url, port, environment, one.folder)
    with running(machine):
        yield machine


def callback_of(machine, browser):
    """Be handed on by one machine, as a proxy chooses it, up to the redirect to SERVER2."""
    asked = urlsplit(browser.begin("/session").headers["Location"])
    return browser.http.get(
        f"{machine.address}{asked.path}?{asked.query}",
        headers={"Host": machine.host},
        allow_redirects=False,
        timeout=PATIENCE,
    ).headers["Location"]


def test_a_cut_holds_for_machines_four_seconds_apart(pair, ahead, operator, browser):
    password = operator("users", "create", ALAN).partition("Password: ")[2]
    browser.sign_in(password.strip(), email=ALAN)
    session = f"{pair.server2.base_url}/session"
    early, unused = callback_of(ahead, browser), callback_of(ahead, browser)
    assert browser.get(early).status_code == 303
    assert "notes:write" in browser.get(session).text

    operator("grants", "set", ALAN, "server2", "notes:read")
    late = callback_of(pair.server1, browser)  # which waits for the machine ahead
    eventually(lambda: browser.get(session).is_redirect, within=SECONDS)
    assert browser.get(unused).status_code == 403, "issued before the cut, though dated later"
    for callback in (late, callback_of(ahead, browser)):
        assert browser.get(callback).status_code == 303
    eventually(lambda: "server2" not in operator("outbox", "list"), within=SECONDS)
    page = browser.get(session)
    assert (page.status_code, "notes:write" in page.text) == (200, False)
