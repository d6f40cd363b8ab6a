"""``make pictures``: takes the pictures of docs/pictures from a demo that it starts, and ends.

``pages.json`` beside them says which texts stand on each page: here they are looked for on the page
that is taken, and in tests/project/test_pictures.py on the page of today.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chromium import FLAGS
from tests.documents import CHECKOUT, DOCS
from tests.ports import free_port

FOLDER = DOCS / "pictures"
TEXTS = json.loads((FOLDER / "pages.json").read_text(encoding="utf-8"))
READY = "Ctrl-C ends them all."
PASSWORD = "lilac engine 49 quarry"
LARGEST = 120 * 1024  # bytes of a picture


class Demo:
    """The running demo, and a page of a browser in which somebody tries it."""

    def __init__(self, page, server1, server2, lab):
        self.page = page
        self.server1 = f"http://localhost:{server1}"
        self.server2 = f"http://127.0.0.1:{server2}"
        self.lab = f"http://lab.localhost:{lab}"

    def sign_in(self):
        self.page.goto(f"{self.server1}/login")
        self.page.get_by_label("E-mail address").fill("ada@example.com")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("link", name="Continue to Notes").wait_for()


def journey(demo):
    demo.sign_in()
    demo.page.get_by_role("link", name="Continue to Notes").click()
    demo.page.get_by_role("link", name="See each step of it").click()
    while not demo.page.get_by_role("heading", name="You are in").count():
        demo.page.reload()  # SERVER2 tells of the last hop when it has answered
    demo.page.goto(f"{demo.page.url}#hops")


def places(demo):
    demo.page.goto(demo.lab)


def attack(demo):
    demo.page.goto(f"{demo.lab}/attacks")
    demo.page.get_by_role("button", name="Run it: A used token is used again").click()
    for verdict in ("stands", "falls"):
        demo.page.locator(f".verdict.{verdict}").wait_for()


PAGES = {"journey": journey, "attack": attack, "places": places}


def usual_or_free(port):
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return port
    return free_port()


@contextmanager
def running_demo(directory, ports):
    """Run the demo in a directory of its own, with keys and databases of its own."""
    program, log = directory / "demo.py", directory / "log"
    program.symlink_to(CHECKOUT / "demo.py")
    names = ("SERVER1_PORT", "SERVER2_PORT", "LAB_PORT")
    process = subprocess.Popen(
        [sys.executable, program],
        env={
            **{"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "DEMO_PASSWORD": PASSWORD},
            **dict(zip(names, map(str, ports), strict=True)),
        },
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        while READY not in log.read_text(encoding="utf-8"):
            if process.poll() is not None:
                raise SystemExit(f"The demo did not start.\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def take(page, name, picture):
    """Take the picture of the page that is open, when all its texts are there."""
    page.mouse.move(0, 0)
    for text in TEXTS[name]["texts"]:
        page.get_by_text(text).filter(visible=True).first.wait_for()
    page.screenshot(path=picture)
    if picture.stat().st_size > LARGEST:
        raise SystemExit(f"{picture.name} is larger than {LARGEST} bytes.")


def main():
    from playwright.sync_api import sync_playwright  # not needed by those who read TEXTS

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    ports = [usual_or_free(port) for port in (5001, 5002, 5003)]
    with (
        tempfile.TemporaryDirectory() as directory,
        running_demo(Path(directory), ports),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(
            color_scheme="light", locale="en-GB", reduced_motion="reduce", timezone_id="UTC"
        )
        demo = Demo(context.new_page(), *ports)
        for name, open_page in PAGES.items():
            demo.page.set_viewport_size({"width": 1100, "height": TEXTS[name]["height"]})
            open_page(demo)
            take(demo.page, name, FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
