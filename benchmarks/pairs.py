"""The pairs of servers that are compared, each with a browser that is signed in at the first.

Each ``…_pair`` prepares once what all starts need, and yields what starts the pair in a folder.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from requests.cookies import RequestsCookieJar

from benchmarks.browser import Browser
from benchmarks.postgresql import Cluster, running_cluster
from benchmarks.processes import CHECKOUT, UnavailableError, cpu_seconds, free_port, running
from benchmarks.rsa_keys import write_key_pair

EMAIL = "ada@example.com"
GRANIAN = [  # with the options of server1 and server2
    *("-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1"),
    *("--blocking-threads", "32", "--backpressure", "1024", "--no-log", "--no-ws"),
]


@dataclass(frozen=True, slots=True)
class Pair:
    """Servers that run.

    Args:
        pids: Their processes, in the order of the servers.
        begin: Where a handoff begins.
        cookies: Those of a browser that is signed in at the first.
        issuer: The first server's base URL, where it is an OpenID Provider.
        environment: The settings of both, where they are ours.
    """

    pids: tuple[int, ...]
    begin: str
    cookies: RequestsCookieJar
    issuer: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def cpu_seconds(self) -> tuple[float, ...]:
        """Return the CPU time that each server has used."""
        return tuple(map(cpu_seconds, self.pids))


Start = Callable[[Path], AbstractContextManager[Pair]]


@contextmanager
def our_pair(
    checkout: Path = CHECKOUT,
    python: str = sys.executable,
    postgresql: Cluster | None = None,
    **settings: str,
) -> Iterator[Start]:
    """Prepare SERVER1 and SERVER2 in demo mode, those of another checkout where one is named."""

    @contextmanager
    def start(folder: Path) -> Iterator[Pair]:
        port1, port2 = free_port(), free_port()
        password = secrets.token_urlsafe(16)
        environment = {
            **{"SERVER1_PORT": str(port1), "SERVER2_PORT": str(port2)},
            **{"SERVER1_DEMO": "1", "SERVER2_DEMO": "1", "DEMO_PASSWORD": password},
            "SERVER1_INSTANCE": str(folder / "server1"),
            "SERVER2_INSTANCE": str(folder / "server2"),
            "HANDOFF_KEYS_DIRECTORY": str(folder / "keys"),
            **({} if postgresql is None else postgresql.new_databases()),
            **settings,
        }

        def server(name: str, port: int) -> AbstractContextManager[int]:
            command = [python, "-m", name]
            return running(command, port, environment, folder, checkout=checkout)

        with server("server1", port1) as one, server("server2", port2) as two:
            browser, issuer = Browser(), f"http://localhost:{port1}"
            page = browser.get(f"{issuer}/login")
            answer = browser.submit(page, email=EMAIL, password=password)
            assert answer.status_code == 303, "the sign-in was refused"
            begin = f"http://127.0.0.1:{port2}/sso/login?target_link_uri=/notes"
            yield Pair((one, two), begin, browser.http.cookies, issuer, environment)

    yield start


@contextmanager
def our_pair_on_postgresql() -> Iterator[Start]:
    """Prepare a PostgreSQL, and our pair on two databases of it."""
    with running_cluster() as cluster, our_pair(postgresql=cluster) as start:
        yield start


@contextmanager
def bare_pair() -> Iterator[Start]:
    """Prepare a server that does nothing, on the same WSGI server as the pairs."""

    @contextmanager
    def start(folder: Path) -> Iterator[Pair]:
        port = free_port()
        command = [sys.executable, *GRANIAN, "--port", str(port), "benchmarks.bare:create_app"]
        with running(command, port, {}, folder) as pid:
            yield Pair((pid,), f"http://127.0.0.1:{port}/step/1", RequestsCookieJar())

    yield start


@contextmanager
def tutorial_pair() -> Iterator[Start]:
    """Prepare the pair that one writes by hand after reading two tutorials."""
    yield _starting_peer(
        lambda name, port: [
            *(sys.executable, *GRANIAN, "--port", str(port)),
            f"benchmarks.tutorial.{name}:create_app",
        ]
    )


@contextmanager
def authlib_pair() -> Iterator[Start]:
    """Prepare the code-flow pair of Authlib, in an environment with the versions of its lock."""
    with authlib_environment() as start_with:
        yield start_with({})


@contextmanager
def authlib_python() -> Iterator[str]:
    """Install Authlib, in the versions of its lock, and yield the Python that finds it."""
    lock = CHECKOUT / "benchmarks" / "authlib_pair" / "requirements.txt"
    with ExitStack() as stack:
        folder = _temporary_folder(stack)
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _prepare([sys.executable, "-m", "venv", str(folder)], folder)
        _prepare([*pip, "--no-input", "--require-hashes", "-r", str(lock)], folder)
        yield python


@contextmanager
def authlib_environment() -> Iterator[Callable[[Mapping[str, str]], Start]]:
    """Install Authlib, and yield what makes pairs of it, each with settings of its own."""
    with authlib_python() as python:

        def command(name: str, port: int) -> list[str]:
            server = f"benchmarks.authlib_pair.{name}:create_app"
            return [python, *GRANIAN, "--port", str(port), server]

        yield partial(_starting_peer, command)


@contextmanager
def node_pair() -> Iterator[Start]:
    """Prepare oidc-provider and openid-client on Node, in the versions of their lock."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise UnavailableError("there is no Node.js with npm")
    with ExitStack() as stack:
        folder = _temporary_folder(stack) / "pair"
        shutil.copytree(
            CHECKOUT / "benchmarks" / "node_pair",
            folder,
            ignore=shutil.ignore_patterns("node_modules"),
        )
        _prepare(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        yield _starting_peer(lambda name, _port: ["node", str(folder / f"{name}.mjs")])


def _starting_peer(
    command: Callable[[str, int], list[str]], chosen: Mapping[str, str] | None = None
) -> Start:
    """Return what starts a peer: both servers take the same settings from their environment."""

    @contextmanager
    def start(folder: Path) -> Iterator[Pair]:
        port1, port2 = free_port(), free_port()
        private, public = write_key_pair(folder)
        settings = {
            "PEER_SERVER1": f"http://127.0.0.1:{port1}",
            "PEER_SERVER2": f"http://127.0.0.1:{port2}",
            "PEER_SECRET": secrets.token_urlsafe(32),
            "PEER_PRIVATE_KEY": str(private),
            "PEER_PUBLIC_KEY": str(public),
            **(chosen or {}),
        }

        def server(name: str, port: int) -> AbstractContextManager[int]:
            database = {"PEER_DATABASE": str(folder / f"{name}.sqlite3"), "PEER_PORT": str(port)}
            return running(command(name, port), port, {**settings, **database}, folder)

        with server("server1", port1) as one, server("server2", port2) as two:
            browser, issuer = Browser(), settings["PEER_SERVER1"]
            signed_in = browser.http.post(f"{issuer}/login")
            assert signed_in.status_code == 200, signed_in.text
            begin = f"http://127.0.0.1:{port2}/login"
            yield Pair((one, two), begin, browser.http.cookies, issuer)

    return start


def _temporary_folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _prepare(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
        raise UnavailableError(f"{Path(command[0]).name} could not install the peer")
