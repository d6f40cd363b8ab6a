"""The Chromium of this machine, for tests with a real browser: Playwright runs once a process."""

import os
import shutil
from contextlib import ExitStack

import pytest

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
