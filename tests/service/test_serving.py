import signal
import socket
import subprocess

import pytest

from flask_handoff import ConfigurationError
from flask_service.processes.serving import check_port
from flask_service.settings import Serving
from tests.ports import free_port
from tests.server_process import PATIENCE, starting, until, wait_until_it_answers, written_by

pytestmark = pytest.mark.processes


@pytest.fixture
def serve(server, tmp_path):
    """Starts a server's process in an empty directory."""
    with starting(server.environment, tmp_path) as start:
        yield lambda port, **settings: start(
            server.name, **server.settings(PORT=str(port), **settings)
        )


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def running(serve, port):
    """A server with two workers, which answers."""
    process = serve(port, WORKERS="2", THREADS="3")
    wait_until_it_answers(process, port, "/healthz")
    return process


def stalled_post(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        f"POST /logout HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\ntext=".encode()
    )
    return connection


def processes_of(group):
    listing = subprocess.run(
        ["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    return sum(row[0] == str(group) and not row[1].startswith("Z") for row in rows)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it_during_an_upload(running, port, sent):
    until(lambda: processes_of(running.pid) >= 3)
    with stalled_post(port):
        running.send_signal(sent)
        assert running.wait(PATIENCE) == 0
    until(lambda: processes_of(running.pid) == 0)


def test_no_worker_is_left_when_it_is_killed(running, port):
    until(lambda: processes_of(running.pid) >= 3)
    with stalled_post(port):
        running.kill()
        until(lambda: processes_of(running.pid) == 0)


def refusal(server, process):
    written = written_by(process)
    assert process.returncode == 1
    assert written.count("\n") == 1
    return written.removeprefix(f"{server.name.upper()} does not start. ").removesuffix("\n")


def test_a_port_in_use_is_told_in_one_sentence(server, serve, port):
    with socket.create_server(("127.0.0.1", port)):
        process = serve(port)
        written = refusal(server, process)
    assert written == (
        f"Port {port} on 127.0.0.1 is already in use. "
        f"Stop what uses it, or set {server.name.upper()}_PORT to another port."
    )


def test_a_port_is_not_shared_with_another_of_its_kind(server, serve, running, port):
    assert "is already in use" in refusal(server, serve(port))
    assert running.poll() is None


def test_a_wrong_setting_is_told_in_one_sentence(server, serve, port):
    written = refusal(server, serve(port, THREADS="none"))
    assert written.startswith(f"{server.name.upper()}_THREADS: 'none' is not a number from 1 to 64")


def test_an_argument_is_refused(server, tmp_path):
    otherwise_refused = server.settings(THREADS="none")
    with starting(server.environment, tmp_path) as start:
        written = written_by(start(server.name, "--port=8000", **otherwise_refused))
    assert written.startswith(f"python -m {server.name} takes no arguments.")


def test_an_address_of_another_machine_is_told(port):
    serving = Serving("192.0.2.7", port, 1, 1, 1, 0, published_on_loopback=False)
    with pytest.raises(ConfigurationError, match="cannot be used") as refused:
        check_port(serving, setting="THE_PORT")
    assert "THE_PORT" in refused.value.remedy
