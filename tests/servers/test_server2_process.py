import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.processes
CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60  # seconds


@pytest.fixture
def serve(tmp_path, notes_environment, free_port):
    """Starts ``python -m server2`` in an empty directory; what is left of it is ended."""
    started = []

    def start(**settings):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "SERVER2_PORT": str(free_port),
            **notes_environment,
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "server2"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def running(serve, free_port):
    process = serve()
    until(lambda: answers(free_port) or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    return process


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE).ok
    except requests.RequestException:
        return False


def test_it_serves_and_logs_one_line_a_request_on_stderr(running, free_port):
    page = requests.get(f"http://127.0.0.1:{free_port}/?token=eyJ0", timeout=PATIENCE)
    assert page.status_code == 200
    assert "Werkzeug" not in page.headers.get("Server", "")
    running.terminate()
    written = running.communicate(timeout=PATIENCE)[0]
    assert written.count("GET / 200") == 1
    assert "eyJ0" not in written


def test_two_cookie_headers_are_two_cookies(running, free_port):
    with socket.create_connection(("127.0.0.1", free_port)) as connection:
        connection.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{free_port}\r\n"
            "Cookie: s2_session=a\r\nCookie: s2_session=b\r\nConnection: close\r\n\r\n".encode()
        )
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 303")
