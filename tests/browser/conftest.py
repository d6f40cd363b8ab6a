import os
import shutil
from contextlib import ExitStack, contextmanager

import pytest

from tests.browser.tab import Tab
from tests.pair import running_pair

PATIENCE = 4_000  # milliseconds for one step
NEEDED = os.environ.get("REQUIRE_BROWSER") == "1"
FLAGS = [
    "--no-sandbox",  # in a container the browser runs as root, and sees our own pages only
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture(scope="session")
def launch():
    """Launches Chromium, the one that the machine has: nothing is downloaded."""
    give_up = pytest.fail if NEEDED else pytest.skip
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable or not os.access(executable, os.X_OK):
        give_up("There is no Chromium: apt-get install chromium, or set CHROMIUM to its path.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("Playwright is not installed.")
    with ExitStack() as stack:
        chromium = stack.enter_context(sync_playwright()).chromium

        def launch(**options):
            browser = chromium.launch(executable_path=executable, args=FLAGS, **options)
            stack.callback(browser.close)
            return browser

        yield launch


@pytest.fixture(scope="session")
def chromium(launch):
    return launch()


@pytest.fixture(scope="session")
def query_pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("query")) as pair:
        yield pair


@pytest.fixture(scope="session")
def form_post_pair(tmp_path_factory):
    with running_pair(
        tmp_path_factory.mktemp("form_post"), server2={"HANDOFF_RESPONSE_MODE": "form_post"}
    ) as pair:
        yield pair


@pytest.fixture
def pair(query_pair):
    return query_pair


@pytest.fixture
def new_person(chromium, pair):
    """Opens a fresh browser profile and its first tab; what it complains about fails the test."""
    with ExitStack() as stack:

        def open_tab(browser=chromium, **options):
            return stack.enter_context(_profile(browser, pair, options))

        yield open_tab


@pytest.fixture
def tab(new_person):
    return new_person()


@contextmanager
def _profile(browser, pair, options):
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    try:
        tab = Tab(context.new_page(), pair)
        yield tab
        assert tab.complaints == []
    finally:
        context.close()
