"""``examples/notes_cli.py`` as its user runs it: processes of their own, against both servers."""

import json
import os
import queue
import re
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from flask_handoff.issuer.clients import ClientRegistry
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config
from tests.documents import CHECKOUT
from tests.end_to_end.journey import PATIENCE, fields_of
from tests.pair import PASSWORD
from tests.strangers.browsing import go_until

PROGRAM = CHECKOUT / "examples" / "notes_cli.py"
FAKE_KEYRING = """
import json, os, pathlib, signal
from types import SimpleNamespace
from . import errors
file = pathlib.Path(os.environ["FAKE_KEYRING"])
held = json.loads(file.read_text()) if file.exists() else {}
def get_keyring(): return SimpleNamespace(priority=float(os.environ.get("PRIORITY", "5")))
def get_password(service, name): return held.get(service + name)
def set_password(service, name, password):
    is_new = held.get(service + name) != password
    if is_new and "DIE" in os.environ: os.kill(os.getpid(), signal.SIGKILL)
    if "LOCKED" in os.environ: raise errors.KeyringError(password)
    held[service + name] = password
    file.write_text(json.dumps(held))
def delete_password(service, name):
    del held[service + name]
    file.write_text(json.dumps(held))
def broken(*_): raise RuntimeError("no bus")
def waits(*_):
    print("Unlock it", flush=True)
    signal.pause()
globals().update(dict.fromkeys(os.environ.get("BROKEN", "").split(), broken))
globals().update(dict.fromkeys(os.environ.get("WAITS", "").split(), waits))
"""
# A browser that runs in the terminal: it has closed when it has shown the page that it was led to.
BROWSER = """
import os, sys, urllib.parse, urllib.request
asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sys.argv[1]).query))
given = {"state": asked["state"], "iss": os.environ["NOTES_ISSUER"], "error": "access_denied"}
with urllib.request.urlopen(f"{asked['redirect_uri']}?{urllib.parse.urlencode(given)}") as page:
    print(page.read().decode())
"""


def heed_ctrl_c():
    # What a shell runs in the background ignores it, and passes that on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Program:
    """The program on one user's machine, whose configuration is in a directory of the test."""

    def __init__(self, pair, browser, folder):
        self._pair = pair
        self._browser = browser
        self.shell: list[str] = []  # a command that runs it
        self.folder = folder / "config" / "notes-cli"
        self.settings = {
            "PATH": os.environ["PATH"],
            "XDG_CONFIG_HOME": str(folder / "config"),
            "NOTES_ISSUER": pair.server1.base_url,
            "NOTES_API": pair.server2.base_url,
        }

    def start(self, *command, **settings):
        return subprocess.Popen(
            [*self.shell, sys.executable, "-W", "error", PROGRAM, *command],
            env={**self.settings, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,
        )

    def run(self, *command, **settings):
        return self.ended(self.start(*command, **settings))

    def ended(self, process):
        """Wait until it has ended; return what it printed, or else what it complained of."""
        held = self.tokens if self.files else {}
        printed, complaint = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in complaint
        for name in held.keys() & {"access_token", "refresh_token"}:
            assert held[name] not in printed + complaint
        assert (process.returncode, bool(complaint)) in [(0, False), (1, True)]
        return (complaint or printed).strip()

    def works(self, **settings):
        return self.has_worked(self.start("list", **settings))

    def has_worked(self, process):
        return not self.ended(process).startswith("notes: ")

    @contextmanager
    def signing_in(self, *options, **settings):
        """Start to sign in, and send the user where it says; they come back to the address."""
        process = self.start("login", *options, **settings)
        try:
            yield process, process.stdout.readline().removeprefix("Sign in at ").strip()
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)

    def sign_in(self):
        with self.signing_in("--no-browser") as (process, address):
            assert self._browser.get(self.returned(address)).ok
            assert self.ended(process) == "Signed in."

    def returned(self, address, **how):
        return go_until(self._browser, self._browser.get(address), "http://127.0.0.1:", **how)

    @property
    def files(self):
        return sorted(self.folder.glob("*.json*"))

    @property
    def tokens(self):
        (file,) = self.files
        return json.loads(file.read_text())

    def modes(self):
        """Who may use the file, and its folder."""
        return [stat.S_IMODE(path.stat().st_mode) for path in (*self.files, self.folder)]

    def change(self, **changed):
        (file,) = self.files
        file.write_text(json.dumps({**self.tokens, **changed}))

    def refreshes(self):
        return self._pair.server1.log.count(" POST /token ")


@pytest.fixture
def program(pair, browser, tmp_path):
    return Program(pair, browser, tmp_path)


@pytest.fixture
def signed_in(program):
    program.sign_in()
    return program


@pytest.fixture
def keyring(program, tmp_path):
    """A system's keyring, as the program finds one: a module, and what it holds."""
    package = tmp_path / "packages" / "keyring"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE_KEYRING)
    (package / "errors.py").write_text("class KeyringError(Exception): pass\n")
    held = tmp_path / "held"
    program.settings |= {"PYTHONPATH": str(package.parent), "FAKE_KEYRING": str(held)}
    return held


@pytest.fixture
def revokes(pair):
    """Whether the issuer says where refresh tokens are revoked."""
    where = f"{pair.server1.base_url}/.well-known/openid-configuration"
    return "revocation_endpoint" in requests.get(where, timeout=PATIENCE).json()


def refresh(pair, token):
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "notes-cli"}
    return requests.post(f"{pair.server1.base_url}/token", data=form, timeout=PATIENCE)


def test_a_user_signs_in_writes_reads_and_signs_out(program, pair, browser, revokes, tmp_path):
    opened = tmp_path / "opened"
    chosen = tmp_path / "browser"
    chosen.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    chosen.chmod(0o700)
    with program.signing_in(BROWSER=str(chosen)) as (process, address):
        page = browser.get(program.returned(address))
        assert "You can close this window" in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert program.ended(process) == "Signed in."
    assert opened.read_text() == address
    assert program.modes() == [0o600, 0o700]
    assert program.run("add", "From a terminal.") == "Added."
    assert "From a terminal." in program.run("list").splitlines()[0]
    refresh_token = program.tokens["refresh_token"]
    assert program.run("logout").startswith("Signed out." if revokes else "Signed out here.")
    assert program.files == []
    assert refresh(pair, refresh_token).ok is not revokes
    assert "Sign in again" in program.run("list")


def test_a_real_browser_comes_back_to_the_program(program, pair, chromium):
    context = chromium.new_context()
    with program.signing_in("--no-browser") as (process, address):
        page = context.new_page()
        page.goto(address)
        page.get_by_label("E-mail address").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        closing = page.get_by_text("You can close this window.")
        allow = page.get_by_role("button", name="Allow", exact=True)
        allow.or_(closing).wait_for()
        if allow.is_visible():  # no other test has agreed yet
            allow.click()
        closing.wait_for()
        assert program.ended(process) == "Signed in."
    context.close()


@pytest.mark.parametrize("change", [{"expires_at": 0}, {"access_token": "of-no-use"}])
def test_access_is_renewed_without_its_user(signed_in, change):
    before = signed_in.tokens
    signed_in.change(**change)
    assert signed_in.works()
    after = signed_in.tokens
    assert before["refresh_token"] != after["refresh_token"]
    assert signed_in.modes() == [0o600, 0o700]
    signed_in.run("list")
    assert signed_in.tokens == after  # what is good is used


def test_of_many_at_once_one_renews(signed_in):
    signed_in.change(expires_at=0)
    before = signed_in.refreshes()
    several = [signed_in.start("list") for _ in range(4)]
    assert all(signed_in.has_worked(each) for each in several)
    assert signed_in.refreshes() == before + 1
    signed_in.change(expires_at=0)
    assert signed_in.works()


def test_what_came_meanwhile_is_not_overwritten(signed_in, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", signed_in.settings["XDG_CONFIG_HOME"])
    monkeypatch.syspath_prepend(PROGRAM.parent)
    from token_store import TokenStore
    from user_access import Client, UserAccess

    newer = {**signed_in.tokens, "refresh_token": "of another process"}

    class WithoutLocks(TokenStore):
        loads = 0

        def load(self):
            self.loads += 1
            if self.loads == 3:  # once before the lock, once behind it, and before it saves
                signed_in.change(**newer)
            return super().load()

    issuer, api = (signed_in.settings[name] for name in ("NOTES_ISSUER", "NOTES_API"))
    store = WithoutLocks("notes-cli", issuer, "notes-cli", api)
    signed_in.change(expires_at=0)
    UserAccess(Client(issuer, "notes-cli", api, ""), store).request("GET", "/api/notes")
    assert signed_in.tokens == newer


def apps_of(page):
    return set(re.findall(r'name="app" value="([^"]+)"', page.text))


def test_who_ends_its_access_is_told_to_sign_in_again(program, pair, browser):
    browser.sign_in(pair.password)
    before = apps_of(browser.get(f"{pair.server1.base_url}/account"))
    program.sign_in()
    page = browser.get(f"{pair.server1.base_url}/account")
    [app] = apps_of(page) - before
    form = {"csrf_token": fields_of(page)["csrf_token"], "app": app}
    [action] = set(re.findall(r'action="(/account/[^"]*app[^"]*)"', page.text))
    browser.post(pair.server1.base_url + action, form)
    program.change(expires_at=0)
    assert "Sign in again" in program.run("list")
    assert program.files == []


def test_a_second_sign_in_takes_the_place_of_the_first(signed_in, pair, revokes):
    before = signed_in.tokens
    signed_in.sign_in()
    assert signed_in.works()
    assert refresh(pair, before["refresh_token"]).ok is not revokes


def test_a_keyring_is_taken_before_a_file(keyring, signed_in):
    assert signed_in.files == []
    assert "refresh_token" in keyring.read_text()
    assert signed_in.works()
    signed_in.run("logout")
    assert json.loads(keyring.read_text()) == {}
    signed_in.settings["PRIORITY"] = "0.5"  # as one has that writes plain text
    signed_in.sign_in()
    assert len(signed_in.files) == 1


def test_who_is_killed_before_it_keeps_the_new_token_goes_on(keyring, signed_in):
    held = keyring.read_text()
    keyring.write_text(re.sub(r'(expires_at\\": )[0-9.]+', r"\g<1>0", held))
    killed = signed_in.start("list", DIE="1")
    killed.communicate(timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    assert signed_in.works()
    assert json.loads(keyring.read_text()) != json.loads(held)


class LosesAnAnswer(BaseHTTPRequestHandler):
    """A proxy on the way to the servers, which loses the first answer of the token endpoint."""

    lost = 0
    instead: int | None = None  # what it says itself

    def answer(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        given = requests.request(
            self.command, self.path, data=body, headers=dict(self.headers), timeout=PATIENCE
        )
        if self.path.endswith("/token") and type(self).lost == 0:
            type(self).lost = 1
            if self.instead is not None:
                self.send_response(self.instead)
                self.end_headers()
            return
        self.send_response(given.status_code)
        self.send_header("Content-Type", given.headers["Content-Type"])
        self.send_header("Content-Length", str(len(given.content)))
        self.end_headers()
        self.wfile.write(given.content)

    do_GET = do_POST = answer  # noqa: N815 - the names are http.server's

    def log_message(self, *_):
        pass


class Interrupts(LosesAnAnswer):
    """A proxy on the way to the servers; the user presses Ctrl-C before new tokens come."""

    lost = 1
    started: queue.Queue[subprocess.Popen[str]] = queue.Queue()

    def send_response(self, *arguments):
        if self.path.endswith("/token"):
            self.started.get(timeout=PATIENCE).send_signal(signal.SIGINT)
        super().send_response(*arguments)


class AnswersElse(LosesAnAnswer):
    """Something that is no API of notes, and gives no tokens."""

    body = b""

    def do_GET(self):
        if "/.well-known/" in self.path:
            return self.answer()
        return self.do_POST()

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)


def answers_else(body):
    return proxy(type("AnswersThis", (AnswersElse,), {"body": body}))


@contextmanager
def proxy(handler):
    """Run a proxy, and say how a program is sent to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {"HTTP_PROXY": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("instead", [None, 502])
def test_an_answer_that_was_lost_is_asked_for_again(signed_in, instead):
    signed_in.change(expires_at=0)
    handler: Any = type("LosesThisOne", (LosesAnAnswer,), {"instead": instead})
    with proxy(handler) as by_proxy:
        assert signed_in.works(**by_proxy)
    assert handler.lost == 1
    signed_in.change(expires_at=0)
    assert signed_in.works()  # the family is alive, and the token its newest


def test_ctrl_c_loses_no_new_token(signed_in):
    signed_in.change(expires_at=0)
    held = signed_in.tokens
    with proxy(Interrupts) as by_proxy:
        process = signed_in.start("list", **by_proxy)
        Interrupts.started.put(process)
        assert signed_in.ended(process) == "notes: Interrupted."
    assert signed_in.tokens["refresh_token"] != held["refresh_token"]
    assert signed_in.works()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "no 'notes'"),
        (b"[" * 100_000, "no 'notes'"),
        (b'{"notes": ' + b"9" * 5_000 + b"}", "no 'notes'"),
        (b'{"notes": [' + b" " * 2_000_000 + b'], "next": null}', "no 'notes'"),
        (b'{"notes": 5, "next": null}', "not iterable"),
        (b'{"notes": [], "next": "/"}', "out of range"),
        (b'{"notes": [{"id": 7, "created_at": "", "text": ""}], "next": "/"}', "in circles"),
    ],
    ids=["empty", "nested", "digits", "long", "a number", "no last note", "circles"],
)
def test_what_is_no_api_is_told_in_a_sentence(signed_in, body, reason):
    with answers_else(body) as by_proxy:
        assert reason in signed_in.run("list", **by_proxy)


def test_no_note_commands_the_terminal(signed_in):
    note = {"id": 1, "created_at": "\x1b[2J", "text": "\x1b[31m\u202eHi\ud800"}
    with answers_else(json.dumps({"notes": [note], "next": None}).encode()) as by_proxy:
        assert signed_in.run("list", **by_proxy).split() == ["[2J", "[31m", "Hi"]


def test_what_a_terminal_cannot_show_is_said(signed_in):
    note = {"id": 1, "created_at": "", "text": "日本"}
    with answers_else(json.dumps({"notes": [note], "next": None}).encode()) as by_proxy:
        complaint = signed_in.run("list", PYTHONIOENCODING="latin-1", **by_proxy)
    assert "LC_ALL=C.UTF-8" in complaint


@pytest.mark.parametrize(
    "given",
    [
        {"access_token": "a\r\nX-Other: b", "expires_in": 600},
        {"access_token": "é日", "expires_in": 600},
        {"access_token": "a", "expires_in": 10**400},
        {"access_token": "a", "expires_in": 600, "refresh_token": ["b"]},
    ],
    ids=["lines", "no ASCII", "no date", "a list"],
)
def test_what_is_no_token_is_not_kept(signed_in, given):
    signed_in.change(expires_at=0)
    held = signed_in.tokens
    with answers_else(json.dumps(given).encode()) as by_proxy:
        assert "gave no tokens" in signed_in.run("list", **by_proxy)
    assert signed_in.tokens == held


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux's")
@pytest.mark.parametrize(
    ("reader", "complaint"),
    [(">/dev/full", "notes: No space left on device: standard output"), ("| true", "")],
    ids=["a full disk", "nobody reads on"],
)
def test_what_cannot_be_written_is_told_once_or_not_at_all(signed_in, reader, complaint):
    signed_in.shell = ["sh", "-c", f'"$@" {reader}', "sh"]
    assert signed_in.run("list") == complaint


def test_a_note_of_any_script_is_kept_and_one_that_is_too_long_is_told_why(signed_in):
    signed_in.settings["NOTES_API"] += "/"
    for text, told in (
        ("\U0001f4dd" * 2000, "Added."),
        ("x" * 2001, "at most 2,000 characters; this has 2,001."),
        ("x" * 20_000, "at most 16 KiB"),
        (b"\xff", "not in UTF-8"),
    ):
        assert told in signed_in.run("add", text)


def test_who_signs_out_where_nothing_can_be_written_ends_the_access(signed_in, pair, revokes):
    token = signed_in.tokens["refresh_token"]
    # As on a read-only home, also for root: no lock can be taken, and something stays.
    lock = signed_in.files[0].with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    (signed_in.folder / f"{signed_in.files[0].name}.stays").mkdir()
    process = signed_in.start("logout")
    _printed, complaint = process.communicate(timeout=PATIENCE)
    assert ("The access has ended, but" in complaint) is revokes
    assert ".stays is still here: Is a directory." in complaint
    assert (process.returncode, complaint.count("\n")) == (1, 1)
    assert refresh(pair, token).ok is not revokes


def test_on_a_full_disk_no_token_is_spent(signed_in):
    signed_in.change(expires_at=0)
    held, refreshes = signed_in.tokens, signed_in.refreshes()
    signed_in.shell = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh"]
    assert signed_in.run("list") == "notes: File too large"
    assert (signed_in.tokens, signed_in.refreshes()) == (held, refreshes)
    signed_in.shell = []
    assert signed_in.works()


def test_a_keyring_that_refuses_is_told_without_its_contents(keyring, program, browser, pair):
    before = pair.server1.log.count(" POST /revoke ")
    with program.signing_in("--no-browser", LOCKED="1") as (process, address):
        browser.get(program.returned(address))
        complaint = program.ended(process)
    assert "keyring refused (KeyringError)" in complaint
    assert "token" not in complaint
    assert pair.server1.log.count(" POST /revoke ") == before + 1  # nobody has them


@pytest.mark.parametrize("broken", ["get_keyring", "get_password"])
def test_a_keyring_that_does_not_work_is_told(keyring, program, broken):
    assert "keyring refused (RuntimeError)" in program.run("list", BROKEN=broken)


def test_ctrl_c_ends_the_wait_for_a_keyring(keyring, program):
    process = program.start("login", WAITS="get_password")
    try:
        assert process.stdout.readline() == "Unlock it\n"
        process.send_signal(signal.SIGINT)
        assert program.ended(process) == "notes: Interrupted."
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("home", "reason"), [("/dev/null", "Not a directory"), ("~nobody-here", "There is no home")]
)
def test_nobody_signs_in_where_nothing_can_be_kept(program, home, reason):
    assert program.run("login", XDG_CONFIG_HOME=home).startswith(f"notes: {reason}")


def test_another_answer_leaves_the_sign_in_waiting(program, browser):
    with program.signing_in("--no-browser") as (process, address):
        answer = program.returned(address)
        forged = re.sub("state=[^&]+", "state=another", answer)
        for unasked in (forged, f"{answer}&state=another", answer.replace("/callback", "/other")):
            assert browser.get(unasked).status_code == 400
        assert browser.get(answer).ok
        assert program.ended(process) == "Signed in."


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "http://localhost:1"}, "not from the server that was asked"),
        ({"iss": ""}, "not from the server that was asked"),
        ({"code": "of-no-use"}, "Sign in again"),
    ],
    ids=["another issuer", "no issuer", "another code"],
)
def test_a_forged_answer_signs_nobody_in(program, browser, changed, reason):
    with program.signing_in("--no-browser") as (process, address):
        url = urlsplit(program.returned(address))
        query = urlencode({**dict(parse_qsl(url.query)), **changed})
        browser.get(url._replace(query=query).geturl())
        assert reason in program.ended(process)
    assert program.files == []


def test_who_does_not_agree_is_not_signed_in(program, browser):
    with program.signing_in("--no-browser") as (process, address):
        browser.get(program.returned(f"{address}&prompt=consent", agrees=False))
        assert "Not signed in: you did not agree" in program.ended(process)


def test_a_browser_in_the_terminal_gets_its_answer(program, tmp_path):
    (tmp_path / "browser.py").write_text(BROWSER)
    browser = f"{sys.executable} {tmp_path}/browser.py %s"
    process = program.start("login", BROWSER=browser)
    try:
        printed, complaint = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert "Go back to the program" in printed
    assert "you did not agree" in complaint


def test_ctrl_c_ends_the_sign_in(program):
    with program.signing_in("--no-browser") as (process, _address):
        process.send_signal(signal.SIGINT)
        assert program.ended(process) == "notes: Interrupted."


def test_without_its_servers_it_says_so_and_forgets_all_the_same(signed_in):
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:1"}
    assert "does not answer" in signed_in.run("list", **nowhere)
    assert len(signed_in.files) == 1
    assert "End the access on your account page" in signed_in.run("logout", **nowhere)
    assert signed_in.files == []


@pytest.mark.parametrize(
    "address", ["http://notes.example", "http://[::1", "http://localhost:port", "https://"]
)
def test_no_address_is_plain_http_elsewhere(program, address):
    assert "neither https nor on this machine" in program.run("list", NOTES_API=address)


def test_its_defaults_are_those_of_the_demo(program):
    demo: Any = Server1Config.from_environment({"SERVER1_DEMO": "1"})
    addresses = demo.issuer, Server2Config.from_environment({"SERVER2_DEMO": "1"}).base_url
    *_, terminal = ClientRegistry(demo.handoff["HANDOFF_CLIENTS"])
    for name in ("NOTES_ISSUER", "NOTES_API"):
        del program.settings[name]
    told = program.run("--help", COLUMNS="200")
    assert all(f"; {default})" in told for default in (*addresses, terminal.client_id))
