import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests

from tests.documents import CHECKOUT, DOCS, README, blocks, named_files
from tests.ports import free_port

INSTALLATION = 300  # seconds
START = 60  # seconds
PASSWORD = secrets.token_urlsafe(12)
ACCOUNTS = f"""
from dataclasses import dataclass

@dataclass
class Account:
    id: str
    name: str

def find_account(email, password):
    good = (email, password) == ("ada@example.com", {PASSWORD!r})
    return Account("an-account-of-ada", "Ada") if good else None
"""

ALL_SERVERS = """
import pkgutil, sys
from importlib import import_module
from pathlib import Path
import flask_handoff, flask_service, lab, server1, server2

packages = (flask_handoff, flask_service, lab, server1, server2)
for package in packages:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.partition("migrations")[1] == "":
            import_module(module.name)
pages = []
for server, base_url in ((server1, "http://localhost:5001"), (server2, "http://127.0.0.1:5002")):
    app = server.create_app()
    pages.append(app.test_client().get("/", base_url=base_url).status_code)
    app.extensions["database"].close()
at_the_lab = lab.create_app().test_client().get("/", base_url="http://lab.localhost:5003")
pages.append(at_the_lab.status_code)
print(*pages, *{Path(package.__file__).parents[1] for package in packages})
"""
"""Imports every module, opens a page of each server, and prints from where they are."""


class Installation:
    """A fresh environment that holds the wheel and what the wheel asks for."""

    def __init__(self, directory):
        self.directory = directory
        self.python = directory / "bin" / "python"

    def run(self, *arguments, cwd):
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout


class Service:
    """One of the two small applications, in a process of its own."""

    def __init__(self, installation, directory, base_url, settings):
        self.base_url = base_url
        self.log = directory / "log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(installation.python, "-W", "error", "-m", "flask", "--app", "app", "run"),
                    *("--host", "127.0.0.1", "--port", str(urlsplit(base_url).port)),
                ],
                cwd=directory,
                env={
                    "PATH": os.environ["PATH"],
                    "FLASK_SECRET_KEY": secrets.token_urlsafe(32),
                    **settings,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_it_answers(self):
        ends_at = time.monotonic() + START
        while time.monotonic() < ends_at:
            assert self._process.poll() is None, self.log.read_text()
            try:
                requests.head(self.base_url, timeout=START, allow_redirects=False)
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"no answer within {START} s: {self.log.read_text()}")

    def end(self):
        self._process.terminate()
        self._process.wait(60)


class FormReader(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.action = None
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes.get("value", "")


class Browser:
    """Follows redirects and refreshes, and submits forms, as the pages' script or reader would."""

    def __init__(self):
        self._session = requests.Session()
        self._session.trust_env = False

    def open(self, url):
        return self._session.get(url, timeout=60)

    def submit(self, answer, **typed):
        form = FormReader(answer.text)
        url = requests.compat.urljoin(answer.url, form.action)
        after = self._session.post(url, data={**form.fields, **typed}, timeout=60)
        refresh = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', after.text)
        return self.open(requests.compat.urljoin(after.url, refresh[1])) if refresh else after


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=CHECKOUT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return next(directory.glob("*.whl"))


@pytest.fixture(scope="module")
def installation(wheel, tmp_path_factory):
    directory = tmp_path_factory.mktemp("installation")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", directory], timeout=60, check=True
    )
    installation = Installation(directory)
    answer = pip_install(installation, f"{wheel}[sql]", versions=write_versions(directory))
    if answer.returncode != 0:
        # Whether the wheel or the way to the packages is at fault shows at one small package.
        small = pip_install(installation, "click")
        if small.returncode != 0 and os.environ.get("REQUIRE_PACKAGES") != "1":
            pytest.skip("no package index can be reached, so nothing can be installed")
        pytest.fail(answer.stderr)
    return installation


@pytest.fixture(scope="module")
def services(installation, tmp_path_factory):
    """The two applications of README.md and docs/integrate.md, running."""
    top = tmp_path_factory.mktemp("services")
    for name, text in named_files(README, DOCS / "integrate.md").items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (top / "server1" / "accounts.py").write_text(ACCOUNTS)
    server1_url, server2_url = f"http://localhost:{free_port()}", f"http://127.0.0.1:{free_port()}"
    for path in top.glob("*/*.*"):
        path.write_text(move(path.read_text(), server1_url, server2_url))
    installation.run("-m", "flask", "handoff-keys", "new", "--directory", "server1/keys", cwd=top)
    of_server1, of_server2 = (
        {name: move(value, server1_url, server2_url) for name, value in settings.items()}
        for settings in documented_settings()
    )
    server1 = Service(installation, top / "server1", server1_url, of_server1)
    server2 = Service(installation, top / "server2", server2_url, of_server2)
    try:
        server1.wait_until_it_answers()
        server2.wait_until_it_answers()
        yield server1, server2
    finally:
        server1.end()
        server2.end()


def documented_settings():
    """Return what docs/integrate.md exports for SERVER1 and for SERVER2."""
    shells = [b.text for b in blocks(DOCS / "integrate.md") if b.language == "sh"]
    exports = [dict(re.findall(r"^export (HANDOFF_\w+)=(\S+)$", text, re.M)) for text in shells]
    return [settings for settings in exports if settings]


def move(text, server1_url, server2_url):
    text = text.replace("http://localhost:5001", server1_url)
    return text.replace("http://127.0.0.1:5002", server2_url)


def pip_install(installation, package, versions=None):
    pinned = () if versions is None else ("--constraint", versions)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", installation.python, "install"),
            *("--disable-pip-version-check", "--no-input", "--quiet"),
            *("--retries", "3", "--timeout", "20"),
            *pinned,
            package,
        ],
        capture_output=True,
        text=True,
        timeout=INSTALLATION,
        check=False,
    )


def write_versions(directory):
    """Write the versions of the lock, which are those that every other test runs with."""
    lock = (CHECKOUT / "requirements" / "dev.txt").read_text()
    path = directory / "versions.txt"
    path.write_text("\n".join(re.findall(r"^[a-z0-9._-]+==[^ \\]+", lock, re.MULTILINE)))
    return path


def sign_in(browser, server2):
    """Ask SERVER2 for the notes, sign in at SERVER1, and return what comes back to SERVER2."""
    sign_in_page = browser.open(f"{server2.base_url}/notes")
    return browser.submit(sign_in_page, email="ada@example.com", password=PASSWORD)


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    sources = {
        f"flask_handoff/{path.relative_to(CHECKOUT / 'shared' / 'flask_handoff').as_posix()}"
        for path in (CHECKOUT / "shared" / "flask_handoff").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"flask_handoff/py.typed", "flask_handoff/web/templates/handoff/page.html"} <= sources
    assert {name for name in names if ".dist-info/" not in name} == sources


def test_the_image_holds_all_that_the_servers_need(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    last_stage = (CHECKOUT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", last_stage, re.MULTILINE):
        shutil.copytree(CHECKOUT / source, tmp_path / target)
    # Before the checkout on the path, so that what is missing here is not found there.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALL_SERVERS],
        cwd=tmp_path,
        env={**environment, "SERVER1_DEMO": "1", "SERVER2_DEMO": "1", "LAB_DEMO": "1"},
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"200 200 200 {tmp_path}\n"), done.stderr


def test_the_library_is_imported_without_its_extra(installation, tmp_path):
    assert installation.run(
        *("-W", "error", "-c"),
        "import sys; sys.modules['sqlalchemy'] = None; import flask_handoff; print('imported')",
        cwd=tmp_path,
    )


def test_the_two_small_services_of_the_documents_hand_a_person_on(services):
    server1, server2 = services
    browser = Browser()
    token_page = sign_in(browser, server2)
    assert token_page.url.startswith(server1.base_url)
    arrived = browser.submit(browser.submit(token_page))
    assert arrived.url == f"{server2.base_url}/notes"
    assert arrived.text == "These are the notes of Ada."


def test_landing_twice_at_the_small_receiver_does_no_harm(services):
    browser = Browser()
    once_more = browser.submit(sign_in(browser, services[1]))
    for _ in range(2):
        arrived = browser.submit(once_more)
        assert arrived.text == "These are the notes of Ada."


def test_a_token_of_the_small_services_is_refused_in_another_browser(services):
    _, server2 = services
    token_page = sign_in(Browser(), server2)
    another_browser = Browser()
    refused = another_browser.submit(another_browser.submit(token_page))
    assert refused.status_code == 403
    assert "sign in" in another_browser.open(f"{server2.base_url}/notes").text.lower()


def test_the_home_page_of_the_small_issuer_leads_to_the_receiver(services):
    server1, server2 = services
    browser = Browser()
    browser.submit(sign_in(browser, server2))
    link = re.search(r'href="([^"]+)"', browser.open(server1.base_url).text)[1]
    arrived = browser.submit(browser.submit(browser.open(link.replace("&amp;", "&"))))
    assert arrived.text == "These are the notes of Ada."


def test_a_posted_token_is_in_the_log_of_neither_service(services):
    browser = Browser()
    browser.submit(browser.submit(sign_in(browser, services[1])))
    for service in services:
        log = service.log.read_text()
        assert "POST /" in log
        assert not re.search(r"eyJ[\w-]+\.eyJ", log)
