"""The Chromium of this machine, for tests with a real browser: Playwright runs once a process."""

import os
import shutil
from contextlib import ExitStack, contextmanager

import pytest

PATIENCE = 60_000  # milliseconds for one step, on a busy machine
NEEDED = os.environ.get("REQUIRE_BROWSER") == "1"
FLAGS = [
    "--no-sandbox",  # in a container the browser runs as root, and sees our own pages only
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]

# Keeps pages for the back button as people's browsers do; Playwright switches that off.
REMEMBERING = {"ignore_default_args": ["--disable-back-forward-cache"]}


class ChromiumMissingError(Exception):
    """The machine has no Chromium, or nothing to drive it; the text says how to get it."""


@contextmanager
def launching():
    """Return a function that launches Chromium; what it launched ends with the block.

    Raises:
        ChromiumMissingError: There is none. Nothing is downloaded.
    """
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable or not os.access(executable, os.X_OK):
        raise ChromiumMissingError(
            "There is no Chromium: apt-get install chromium, or set CHROMIUM to its path."
        )
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError as error:
        raise ChromiumMissingError("Playwright is not installed.") from error
    expect.set_options(timeout=PATIENCE)
    with ExitStack() as stack:
        chromium = stack.enter_context(sync_playwright()).chromium

        def launch(*flags, **options):
            args = [*FLAGS, *flags]
            browser = chromium.launch(executable_path=executable, args=args, **options)
            stack.callback(browser.close)
            return browser

        yield launch


@pytest.fixture(scope="session")
def launch():
    """Launches Chromium, the one that the machine has."""
    with ExitStack() as stack:
        try:
            launch = stack.enter_context(launching())
        except ChromiumMissingError as error:
            (pytest.fail if NEEDED else pytest.skip)(str(error))
        yield launch


@pytest.fixture(scope="session")
def chromium(launch):
    return launch()
