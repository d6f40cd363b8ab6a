"""The lab's experiments, as a visitor makes them: the lab in its process, a place in a tab."""

import re
from contextlib import contextmanager

from playwright.sync_api import expect

from lab.places.catalogue import PLACES
from tests.pair import Server, running
from tests.ports import free_port

CELLS = re.compile(r'data-experiment="(\w+)">.+?<td><span[^>]*>([^<]*)<', re.DOTALL)


@contextmanager
def running_lab(folder):
    """Run the lab until the block ends."""
    port = free_port()
    environment = {"LAB_DEMO": "1", "LAB_PORT": str(port)}
    server = Server("lab", f"http://lab.localhost:{port}", port, environment, folder)
    with running(server):
        yield server


def put_token(page, lab, place):
    page.goto(f"{lab.base_url}/")
    page.get_by_label(PLACES[place].title, exact=True).check()
    page.get_by_role("button", name="Put it there").click()


def try_place(page, lab, place):
    """Make every experiment; return what the results then show in the column of this browser."""
    put_token(page, lab, place)
    expect(page.locator("h1")).to_have_text("Three more checks")
    for experiment in ("tab", "again", "opened"):
        page.locator(f"#{experiment} .second").click()
        page.locator(f"#{experiment}.done").wait_for()
    page.get_by_role("button", name="Sign out, and go back").click()
    expect(page.locator("h1")).to_have_text("What your browser did")
    table = page.content().partition(f'id="table-{place}"')[2].partition("</table>")[0]
    return dict(CELLS.findall(table))
