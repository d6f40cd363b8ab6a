"""The recipes of docs/sign-in-elsewhere.md, run as they are written: one's own SERVER1, and two
clients of other people's, at that one and at the demo's.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.documents import DOCS, README, blocks, named_files
from tests.end_to_end.journey import fields_of
from tests.pair import PASSWORD
from tests.strangers.browsing import go_until
from tests.strangers.conftest import command_of
from tests.strangers.processes import Stranger, serving, started

GUIDE = DOCS / "sign-in-elsewhere.md"
FILES = named_files(README, DOCS / "integrate.md", GUIDE)  # where two are of one name, the last
HASH_IN_THE_GUIDE = "the second of the two values above"
ACCOUNTS = f"""
from types import SimpleNamespace

def find_account(email, password):
    good = password == {PASSWORD!r}
    return SimpleNamespace(id="an-account-of-ada", name="Ada") if good else None
"""


def shell(beginning):
    """Return the one shell block of the guide that begins like this."""
    (block,) = (
        block.text
        for block in blocks(GUIDE)
        if block.language == "sh" and block.text.startswith(beginning)
    )
    return block


@dataclass
class Issuer:
    """A SERVER1 that knows the guide's two clients, and the secret of the one that has one."""

    base_url: str
    secret: str
    wiki: Stranger  # its port is the one that was registered


@pytest.fixture(scope="session")
def wiki():
    return Stranger("wiki", "/callback", folder="flask_oidc")  # which holds Authlib and Flask


@pytest.fixture(scope="module")
def own_server1(wiki, tmp_path_factory):
    """The SERVER1 of the first recipe, in a process of its own."""
    printed = subprocess.run(
        ["sh", "-c", shell("python -c").replace("python", sys.executable, 1)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    secret, its_hash = printed.split()
    server = Stranger("server1", "")
    base_url = f"http://localhost:{server.port}"
    top = tmp_path_factory.mktemp("recipe")
    for name, text in (FILES | {"server1/accounts.py": ACCOUNTS}).items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        moved = text.replace("http://127.0.0.1:5004", wiki.base_url)
        path.write_text(moved.replace(HASH_IN_THE_GUIDE, its_hash))
    flask = [sys.executable, "-W", "error", "-m", "flask"]
    subprocess.run([*flask, "handoff-keys", "new", "--directory", top / "server1/keys"], check=True)
    settings = {
        "HANDOFF_ISSUER": base_url,
        "HANDOFF_KEYS_DIRECTORY": "keys",
        "HANDOFF_CLIENTS": "clients.json",
        "FLASK_SECRET_KEY": secret[::-1],
    }
    command = [*flask, "--app", "app", "run", "--port", str(server.port)]
    with serving(command, server, base_url, top / "server1", **settings):
        yield Issuer(base_url, secret, wiki)
    log = (top / "server1" / "server1.log").read_text()
    assert "Traceback" not in log


@pytest.fixture(scope="session")
def demos_server1(server1, wiki):
    """The demo's SERVER1, with which the guide's commands have registered both clients."""
    moved = shell("flask --app server1").replace("http://127.0.0.1:5004", wiki.base_url)
    printed = ""
    for line in moved.splitlines():
        _flask, _app, _server1, *command = shlex.split(line)
        printed += server1.flask(*command)
    return Issuer(server1.base_url, re.search(r"client_secret +(\S+)", printed)[1], wiki)


@pytest.fixture(params=["own_server1", "demos_server1"])
def issuer(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(environments, tmp_path):
    """Returns the command that runs a file of the guide where its stranger's packages are."""

    def client(name, folder):
        python, _app = command_of(environments, Stranger(folder, ""))
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(FILES[name])
        return python, path

    return client


def settings_in(beginning, issuer):
    """Return what a shell block of the guide exports, for this issuer."""
    exported = dict(re.findall(r"^export (\w+)=(\S+)", shell(beginning), re.MULTILINE))
    assert exported.pop("ISSUER") == "http://localhost:5001"
    return {**exported, "ISSUER": issuer.base_url}


@pytest.fixture
def website(client, issuer, tmp_path):
    """The guide's website at one of both issuers, running."""
    python, path = client("wiki/app.py", "flask_oidc")
    settings = {
        **settings_in("export ISSUER=http://localhost:5001\nexport CLIENT_ID=wiki", issuer),
        "CLIENT_SECRET": issuer.secret,
        "FLASK_SECRET_KEY": "of the wiki in a test",
    }
    command = [python, "-m", "flask", "--app", "app", "run", "--port", str(issuer.wiki.port)]
    with serving(command, issuer.wiki, issuer.base_url, path.parent, **settings):
        yield issuer.wiki


def arrive(browser, website, *, agrees=True):
    """Begin at the website, answer what SERVER1 asks, and return the page where this ends."""
    begun = browser.get(f"{website.base_url}/login")
    link = go_until(browser, begun, website.redirect_uri, agrees=agrees)
    return browser.follow(browser.get(link))


def test_the_guides_website_signs_a_user_in(website, browser):
    assert arrive(browser, website).text == "Welcome to the wiki, Ada."


@pytest.mark.parametrize("issuer", ["own_server1"], indirect=True)
def test_who_withdraws_is_asked_again_and_may_refuse(website, issuer, browser):
    assert arrive(browser, website).ok
    page = browser.get(f"{issuer.base_url}/permissions")
    browser.post(page.url, fields_of(page))
    refused = arrive(browser, website, agrees=False)
    assert (refused.status_code, "not signed in" in refused.text) == (403, True)


def sign_in_at_a_terminal(client, issuer, browser):
    """Run the guide's program with a user who goes where it says; return what it ends with."""
    python, path = client("terminal/sign_in.py", "authlib")
    settings = settings_in("export ISSUER=http://localhost:5001\nexport CLIENT_ID=terminal", issuer)
    with started(
        [python, path],
        env={**settings, "PATH": os.environ["PATH"], "BROWSER": "true"},  # which shows nothing
        cwd=path.parent,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        address = program.stdout.readline().removeprefix("Sign in at ").strip()
        link = go_until(browser, browser.get(address), "http://127.0.0.1:")
        assert "close this page" in browser.get(link).text
        printed, _ = program.communicate(timeout=60)
    return printed


def test_the_guides_program_learns_who_signed_in(client, issuer, browser):
    assert sign_in_at_a_terminal(client, issuer, browser) == "Signed in as Ada.\n"
