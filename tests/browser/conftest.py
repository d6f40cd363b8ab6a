import os
import shutil
from contextlib import ExitStack, contextmanager

import pytest

from tests.browser.tab import Tab
from tests.pair import running_pair

PATIENCE = 60_000  # milliseconds for one step, on a busy machine
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
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        give_up("Playwright is not installed.")
    expect.set_options(timeout=PATIENCE)
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


@pytest.fixture(scope="session")
def strict_pair(tmp_path_factory):
    with running_pair(
        tmp_path_factory.mktemp("strict"), server2={"SERVER2_SESSION_SAMESITE": "Strict"}
    ) as pair:
        yield pair


@pytest.fixture
def pair(query_pair):
    return query_pair


@pytest.fixture(scope="session")
def new_profile(chromium):
    """Opens a fresh browser profile and its first tab; what it complains about fails the test."""

    @contextmanager
    def open_profile(pair, browser=chromium, **options):
        # What is on its way from one colour to another has no contrast of its own.
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE)
        try:
            tab = Tab(context.new_page(), pair)
            yield tab
            assert tab.complaints == []
        finally:
            context.close()

    return open_profile


@pytest.fixture
def new_person(new_profile, pair):
    """Opens profiles that last as long as the test, with a tab in each."""
    with ExitStack() as stack:
        yield lambda *browser, **options: stack.enter_context(
            new_profile(pair, *browser, **options)
        )


@pytest.fixture
def tab(new_person):
    return new_person()
