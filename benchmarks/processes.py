"""Servers under measurement: real processes on loopback, their CPU time and their memory."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PATIENCE = 60  # seconds until a server has to answer, or to be gone


class UnavailableError(Exception):
    """What a row needs is not on this machine; the text says what."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str],
    port: int,
    environment: Mapping[str, str],
    folder: Path,
    *,
    checkout: Path = CHECKOUT,
) -> Iterator[int]:
    """Run a server until the block ends; yield its process id once its port answers.

    Args:
        command: What starts it.
        port: Where it listens.
        environment: Its settings; the caller's own reach it as little as a ``.env`` does.
        folder: Its current directory, where its log goes.
        checkout: Where its modules are.
    """
    ours = ("HANDOFF_", "SERVER1_", "SERVER2_", "DEMO_", "FLASK_")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    log = folder / f"log-{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**bare, **environment, "PYTHONPATH": str(checkout)},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process and its living children."""
    clock = (
        ~pid << 3
    ) | 2  # as clock_getcpuclockid(3) makes it; /proc counts hundredths of seconds
    return time.clock_gettime(clock) + sum(map(cpu_seconds, _children(pid)))


def mebibytes(pid: int) -> float:
    """Return the memory of a process and its children; what is shared counts in part (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024 + sum(map(mebibytes, _children(pid)))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"A server ended by itself:\n{log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"No answer on port {port} within {PATIENCE} s.")
