"""The real pair: two processes, each with its own directory, database and secrets, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.ports import free_port
from tests.warm_flask import run_warm_flask

PATIENCE = 60  # seconds until a server has to answer, or to be gone
PASSWORD = "a demo password of the tests"
CHECKOUT = Path(__file__).parents[1]

CHEAP_HASHES = {
    "SERVER1_ARGON2_MEMORY_KIB": "1024",
}


@dataclass
class Server:
    """One server process.

    Args:
        name: ``server1`` or ``server2``.
        base_url: How browsers reach it.
        port: Where it listens; behind a proxy it is another one than in ``base_url``.
        environment: Its settings; nothing of the other server's is among them.
        folder: Where it keeps what it makes, and where its log goes.
    """

    name: str
    base_url: str
    port: int
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """What browsers send as ``Host``."""
        return urlsplit(self.base_url).netloc

    @property
    def address(self) -> str:
        """Where it is reached, whatever browsers call it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that the server has written so far, over all its lives."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}-{self.port}.log"

    def replica(self, **settings: str) -> Server:
        """Describe one more process, for the same public address and directory.

        It is reached at its own ``address``, with the ``host`` that both share, as a proxy does.
        """
        port = free_port()
        own = {f"{self.name.upper()}_PORT": str(port), **settings}
        return Server(self.name, self.base_url, port, {**self.environment, **own}, self.folder)

    def start(self) -> None:
        self.launch()
        self.wait_until_it_answers()

    def launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", self.name],
                cwd=self.folder,
                env=self._whole_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the server and its workers in the middle of whatever they do."""
        process, self.process = self.process, None
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def restart(self) -> None:
        self.stop()
        self.start()

    def flask(self, *command: str) -> str:
        """Run ``flask --app server1 COMMAND`` as its operator does, and return what it prints."""
        done = run_warm_flask(
            *("--app", self.name, *command),
            directory=self.folder,
            environment=self._whole_environment(),
            answer=PASSWORD,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_until_it_answers(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.name} ended by itself:\n{self.log}"
            try:
                requests.get(
                    f"{self.address}/healthz",
                    headers={"Host": self.host},
                    timeout=PATIENCE,
                    allow_redirects=False,
                ).close()
            except requests.RequestException:
                time.sleep(0.03)
            else:
                return
        raise AssertionError(f"{self.name} did not answer in {PATIENCE} s:\n{self.log}")

    def _whole_environment(self) -> dict[str, str]:
        # A developer's own settings, also those in the checkout's .env, reach no server under test.
        ours = ("HANDOFF_", "SERVER1_", "SERVER2_", "LAB_", "DEMO_", "FLASK_")
        bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        return {**bare, **self.environment, "PYTHONPATH": path}


@dataclass
class Pair:
    """SERVER1 and SERVER2, as one starts them for a test."""

    server1: Server
    server2: Server
    password: str = PASSWORD

    def replica(self, **settings: str) -> Server:
        """Describe one more process of SERVER2, see ``Server.replica``."""
        return self.server2.replica(**settings)


@contextmanager
def running_pair(
    folder: Path,
    *,
    server1: Mapping[str, str] | None = None,
    server2: Mapping[str, str] | None = None,
    client: Mapping[str, object] | None = None,
) -> Iterator[Pair]:
    """Run the pair until the block ends, see ``described_pair``."""
    pair = described_pair(folder, server1=server1, server2=server2, client=client)
    with running(pair.server1, pair.server2):
        yield pair


def described_pair(
    folder: Path,
    *,
    server1: Mapping[str, str] | None = None,
    server2: Mapping[str, str] | None = None,
    client: Mapping[str, object] | None = None,
) -> Pair:
    """Describe the pair, which has yet to be started.

    Args:
        folder: An empty directory for both.
        server1: Settings of SERVER1 beside the usual ones.
        server2: Settings of SERVER2 beside the usual ones.
        client: How SERVER2 is registered with SERVER1, where that is not as usual.
    """
    port1, port2 = free_port(), free_port()
    url1, url2 = f"http://localhost:{port1}", f"http://127.0.0.1:{port2}"
    common = {"HANDOFF_ISSUER": url1, "HANDOFF_BASE_URL": url2}
    environment1 = {
        **common,
        "SERVER1_PORT": str(port1),
        "SERVER1_INSTANCE": str(folder / "server1"),
        "HANDOFF_KEYS_DIRECTORY": str(folder / "server1" / "keys"),
        "SERVER1_DEMO": "1",
        "DEMO_PASSWORD": PASSWORD,
        **CHEAP_HASHES,
        **({} if client is None else {"HANDOFF_CLIENTS": _registration(url2, client)}),
        **(server1 or {}),
    }
    environment2 = {
        **common,
        "SERVER2_PORT": str(port2),
        "SERVER2_INSTANCE": str(folder / "server2"),
        "SERVER2_DEMO": "1",
        **(server2 or {}),
    }
    one = Server("server1", url1, port1, environment1, folder / "server1")
    two = Server("server2", url2, port2, environment2, folder / "server2")
    return Pair(one, two)


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Run servers side by side until the block ends."""
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
            server.launch()
        for server in servers:
            server.wait_until_it_answers()
        yield


def _registration(url2: str, client: Mapping[str, object]) -> str:
    usual = {
        "client_id": "server2",
        "name": "Notes",
        "redirect_uris": [f"{url2}/sso/callback"],
        "response_modes": ["query"],
        "initiate_login_uri": f"{url2}/sso/login",
        "backchannel_logout_uri": f"{url2}/sso/backchannel-logout",
        "revocation_uri": f"{url2}/sso/revocations",
        "post_logout_redirect_uris": [f"{url2}/logout"],
        "first_party": True,
    }
    return json.dumps([{**usual, **client}])
