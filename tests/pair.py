"""The real pair: two processes, each with its own directory, database and secrets, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

PATIENCE = 30  # seconds until a server has to answer, or to be gone
PASSWORD = "a demo password of the tests"
CHECKOUT = Path(__file__).parents[1]


@dataclass
class Server:
    """One server process.

    Args:
        name: ``server1`` or ``server2``.
        base_url: How browsers reach it.
        environment: Its settings; nothing of the other server's is among them.
        folder: Where it keeps what it makes, and where its log goes.
    """

    name: str
    base_url: str
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> str:
        """Everything that the server has written so far, over all its lives."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.name],
                cwd=CHECKOUT,
                env={**_bare_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _wait_until_it_answers(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.name} ended by itself:\n{self.log}"
            try:
                requests.get(f"{self.base_url}/healthz", timeout=1).close()
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"{self.name} did not answer in {PATIENCE} s:\n{self.log}")


@dataclass
class Pair:
    """SERVER1 and SERVER2, as one starts them for a test."""

    server1: Server
    server2: Server
    password: str = PASSWORD


@contextmanager
def running_pair(
    folder: Path,
    *,
    server1: Mapping[str, str] | None = None,
    server2: Mapping[str, str] | None = None,
) -> Iterator[Pair]:
    """Run the pair until the block ends.

    Args:
        folder: An empty directory for both.
        server1: Settings of SERVER1 beside the usual ones.
        server2: Settings of SERVER2 beside the usual ones.
    """
    port1, port2 = free_ports(2)
    url1, url2 = f"http://localhost:{port1}", f"http://127.0.0.1:{port2}"
    common = {"HANDOFF_ISSUER": url1, "HANDOFF_BASE_URL": url2}
    one = Server(
        "server1",
        url1,
        {
            **common,
            "SERVER1_PORT": str(port1),
            "SERVER1_INSTANCE": str(folder / "server1"),
            "HANDOFF_KEYS_DIRECTORY": str(folder / "server1" / "keys"),
            "SERVER1_DEMO": "1",
            "DEMO_PASSWORD": PASSWORD,
            **(server1 or {}),
        },
        folder / "server1",
    )
    two = Server(
        "server2",
        url2,
        {
            **common,
            "SERVER2_PORT": str(port2),
            "SERVER2_INSTANCE": str(folder / "server2"),
            "SERVER2_DEMO": "1",
            **(server2 or {}),
        },
        folder / "server2",
    )
    with ExitStack() as stack:
        for server in (one, two):
            stack.callback(server.stop)
            server.start()
        yield Pair(one, two)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _bare_environment() -> dict[str, str]:
    # A developer's own settings must not reach the servers under test.
    ours = ("HANDOFF_", "SERVER1_", "SERVER2_", "DEMO_", "FLASK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
