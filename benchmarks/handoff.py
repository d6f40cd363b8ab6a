"""A whole handoff of a signed-in user: the CPU time of both servers, ours against a tutorial's.

Both pairs run on the same WSGI server with the same options, in the same run, in turn. A handoff is
four requests: begin at SERVER2, through SERVER1, back to SERVER2's callback, and the page of notes.
"""

from __future__ import annotations

import re
import secrets
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.processes import cpu_seconds, free_port, running
from benchmarks.table import Row

BOUND = 1.45
GOAL = 1.15
HANDOFFS, ROUNDS = 150, 7
EMAIL = "ada@example.com"
GRANIAN = [
    *("-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1"),
    *("--blocking-threads", "32", "--backpressure", "1024", "--no-log", "--no-ws"),
]


class Pair:
    """Two servers and a browser that is signed in at the first."""

    def __init__(self, pids: tuple[int, int], begin: str, browser: requests.Session) -> None:
        self._pids = pids
        self._begin = begin
        self._browser = browser

    def hand_off(self) -> None:
        url = self._begin
        for _ in range(3):
            answer = self._browser.get(url, allow_redirects=False)
            assert answer.status_code in (302, 303), answer.status_code
            url = urljoin(url, answer.headers["Location"])
        assert urlsplit(url).path == "/notes", "the handoff did not arrive"
        page = self._browser.get(url, allow_redirects=False)
        assert page.status_code == 200, page.status_code

    def microseconds_each(self, handoffs: int) -> float:
        before = sum(map(cpu_seconds, self._pids))
        for _ in range(handoffs):
            self.hand_off()
        return (sum(map(cpu_seconds, self._pids)) - before) / handoffs * 1e6


def measure() -> Iterator[Row]:
    if not Path("/proc/self/stat").exists():
        raise SystemExit("CPU time of other processes is read from /proc: this part needs Linux.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(_our_pair(folder))
        tutorial = stack.enter_context(_tutorial_pair(folder))
        for pair in (ours, tutorial):
            pair.microseconds_each(HANDOFFS)  # warm up
        rounds = [
            (ours.microseconds_each(HANDOFFS), tutorial.microseconds_each(HANDOFFS))
            for _ in range(ROUNDS)
        ]
    yield Row(
        f"whole handoff (goal {GOAL})",
        "tutorial pair",
        statistics.median(mine for mine, _ in rounds),
        statistics.median(theirs for _, theirs in rounds),
        BOUND,
    )


@contextmanager
def _tutorial_pair(folder: Path) -> Iterator[Pair]:
    port1, port2 = free_port(), free_port()
    environment = {
        "TUTORIAL_SECRET": secrets.token_urlsafe(32),
        "TUTORIAL_SERVER1": f"http://127.0.0.1:{port1}",
        "TUTORIAL_SERVER2": f"http://127.0.0.1:{port2}",
        **_tutorial_keys(folder),
    }

    def settings(name: str) -> dict[str, str]:
        return {**environment, "TUTORIAL_DATABASE": str(folder / f"tutorial-{name}.sqlite3")}

    def server(name: str, port: int) -> list[str]:
        return [*GRANIAN, "--port", str(port), f"benchmarks.tutorial.{name}:create_app"]

    with (
        running(server("server1", port1), port1, settings("server1"), folder) as one,
        running(server("server2", port2), port2, settings("server2"), folder) as two,
        requests.Session() as browser,
    ):
        browser.post(f"http://127.0.0.1:{port1}/login").raise_for_status()
        yield Pair((one.pid, two.pid), f"http://127.0.0.1:{port2}/login", browser)


@contextmanager
def _our_pair(folder: Path) -> Iterator[Pair]:
    port1, port2 = free_port(), free_port()
    password = secrets.token_urlsafe(16)
    environment = {
        "SERVER1_PORT": str(port1),
        "SERVER2_PORT": str(port2),
        "SERVER1_DEMO": "1",
        "DEMO_PASSWORD": password,
        "SERVER2_DEMO": "1",
        "SERVER1_INSTANCE": str(folder / "server1"),
        "SERVER2_INSTANCE": str(folder / "server2"),
        "HANDOFF_KEYS_DIRECTORY": str(folder / "keys"),
    }
    with (
        running(["-m", "server1"], port1, environment, folder) as one,
        running(["-m", "server2"], port2, environment, folder) as two,
        requests.Session() as browser,
    ):
        _sign_in(browser, f"http://localhost:{port1}", password)
        begin = f"http://127.0.0.1:{port2}/sso/login?target_link_uri=/notes"
        yield Pair((one.pid, two.pid), begin, browser)


def _sign_in(browser: requests.Session, server1: str, password: str) -> None:
    page = browser.get(f"{server1}/login")
    form = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert form is not None, "no sign-in form"
    fields = {"csrf_token": form[1], "email": EMAIL, "password": password}
    answer = browser.post(f"{server1}/login", data=fields, allow_redirects=False)
    assert answer.status_code == 303, "the sign-in was refused"


def _tutorial_keys(folder: Path) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return {"TUTORIAL_PRIVATE_KEY": str(private), "TUTORIAL_PUBLIC_KEY": str(public)}
