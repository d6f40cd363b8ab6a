import socket

import pytest
import requests

from tests.server_process import PATIENCE, starting, wait_until_it_answers, written_by

pytestmark = pytest.mark.processes


@pytest.fixture
def running(tmp_path, notes_environment, free_port):
    """``python -m server2`` in an empty directory, which answers."""
    environment = {**notes_environment, "SERVER2_PORT": str(free_port)}
    with starting(environment, tmp_path) as start:
        process = start("server2")
        wait_until_it_answers(process, free_port)
        yield process


def test_it_serves_and_logs_one_line_a_request_on_stderr(running, free_port):
    page = requests.get(f"http://127.0.0.1:{free_port}/?token=eyJ0", timeout=PATIENCE)
    assert page.status_code == 200
    assert "Werkzeug" not in page.headers.get("Server", "")
    running.terminate()
    written = written_by(running)
    assert written.count("GET / 200") == 1
    assert "eyJ0" not in written


def test_two_cookie_headers_are_two_cookies(running, free_port):
    with socket.create_connection(("127.0.0.1", free_port)) as connection:
        connection.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{free_port}\r\n"
            "Cookie: s2_session=a\r\nCookie: s2_session=b\r\nConnection: close\r\n\r\n".encode()
        )
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 303")
