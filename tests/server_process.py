"""A server, or a command of one, in a process of its own: how a test starts it and waits for it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

CHECKOUT = Path(__file__).parents[1]
PATIENCE = 60  # seconds


@contextmanager
def starting(environment, directory=None):
    """Return a function that runs ``python -m``; what is left of it is ended with the block.

    Nothing of the test's own environment reaches the process but PATH.
    """
    started = []

    def start(*arguments, directory=directory, output=subprocess.PIPE, **settings):
        bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", *arguments],
            cwd=directory,
            env={**bare, **environment, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=PATIENCE)


def written_by(process):
    """Return all that a process writes to its end."""
    return process.communicate(timeout=PATIENCE)[0]


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def answers(port, path="/readyz"):
    # By the address: SERVER1's other name leads to the page by way of a redirect.
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE).ok
    except requests.RequestException:
        return False


def wait_until_it_answers(process, port, path="/readyz"):
    until(lambda: answers(port, path) or process.poll() is not None)
    assert process.poll() is None, written_by(process)
