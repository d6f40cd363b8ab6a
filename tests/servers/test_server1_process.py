import contextlib
import re
import socket
import subprocess

import pytest
import requests

from tests.flask_command import run_flask_process
from tests.ports import free_port
from tests.server_process import (
    CHECKOUT,
    PATIENCE,
    answers,
    starting,
    wait_until_it_answers,
    written_by,
)
from tests.servers.accounts_visitor import CHEAP_HASHES, EMAIL, PASSWORD, hidden_fields

pytestmark = pytest.mark.processes
DEMO = {"SERVER1_DEMO": "1", **CHEAP_HASHES}


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts ``python -m server1`` in an empty directory."""
    with starting({**DEMO, "DEMO_PASSWORD": PASSWORD}) as start:

        def serve(port, directory=None, **settings):
            directory = directory or tmp_path_factory.mktemp("server1")
            return start("server1", directory=directory, SERVER1_PORT=str(port), **settings)

        yield serve


@pytest.fixture(scope="module")
def port(serve):
    """The port of a server that runs for all tests of this file."""
    port = free_port()
    # Its log, which nobody reads, would fill a pipe in the end, and then it would answer no more.
    wait_until_it_answers(serve(port, output=subprocess.DEVNULL, SERVER1_WORKERS="2"), port)
    return port


def send(port, request):
    """Send a request as it stands and return all that comes back until the server closes."""
    request = request.replace("\n", "\r\n").replace("HOST", f"localhost:{port}")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()


def status(answer):
    return int(re.match(r"HTTP/1\.1 (\d+)", answer)[1])


def sign_in(port, session, password=PASSWORD):
    base_url = f"http://localhost:{port}"
    fields = hidden_fields(session.get(f"{base_url}/login").text)
    form = {**fields, "email": EMAIL, "password": password}
    return session.post(f"{base_url}/login", form, allow_redirects=False)


def test_the_demo_account_signs_in_and_any_worker_knows_the_session(port):
    with requests.Session() as session:
        assert sign_in(port, session).status_code == 303
        pages = [session.get(f"http://localhost:{port}/").text for _ in range(10)]
    assert all("Hello, Ada" in page for page in pages)


def test_a_body_of_unknown_length_is_411(port):
    answer = send(
        port,
        "POST /login HTTP/1.1\nHost: HOST\nConnection: close\n"
        "Content-Type: application/x-www-form-urlencoded\nTransfer-Encoding: chunked\n\n"
        "3\na=b\n0\n\n",
    )
    assert status(answer) == 411
    assert "The length is missing" in answer


@pytest.mark.parametrize("path", ["/login", "/", "/no-such-page", "/authorize"])
def test_a_body_that_is_said_to_be_too_large_is_413_before_it_is_read(port, path):
    answer = send(
        port, f"POST {path} HTTP/1.1\nHost: HOST\nConnection: close\nContent-Length: 16385\n\n"
    )
    assert status(answer) == 413


@pytest.mark.parametrize(
    "hosts",
    [
        "Host: evil.example\n",
        "Host: HOST\nHost: evil.example\n",
        "Host: evil.example\nHost: HOST\n",
        "",
        "Host:\n",
    ],
)
def test_a_host_that_is_missing_doubled_or_unknown_is_400(port, hosts):
    assert status(send(port, f"GET /login HTTP/1.1\n{hosts}Connection: close\n\n")) == 400


@pytest.mark.parametrize(
    "request_line",
    ["GET http://evil.example/login HTTP/1.1", "GET //evil.example/login HTTP/1.1"],
)
def test_no_request_line_leads_elsewhere(port, request_line):
    answer = send(port, f"{request_line}\nHost: HOST\nConnection: close\n\n")
    assert "evil.example" not in answer.partition("\r\n\r\n")[0]
    assert status(answer) in {200, 400, 404}


def test_the_answer_does_not_name_the_framework(port):
    server = requests.get(f"http://localhost:{port}/", timeout=PATIENCE).headers["Server"]
    assert "werkzeug" not in server.lower()
    assert "python" not in server.lower()


def test_there_is_no_debugger(port):
    assert requests.get(f"http://localhost:{port}/console", timeout=PATIENCE).status_code == 404


def test_idle_connections_do_not_stop_the_server(port):
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert answers(port)


def test_a_restart_keeps_accounts_and_sessions(serve, tmp_path):
    port = free_port()
    with requests.Session() as session:
        for first in (True, False):
            process = serve(port, tmp_path)
            wait_until_it_answers(process, port)
            if first:
                sign_in(port, session)
            assert "Hello, Ada" in session.get(f"http://localhost:{port}/").text
            process.terminate()
            process.wait(PATIENCE)
            made = (tmp_path / "instance" / "server1").glob("server1.sqlite3*")
            assert [file.name for file in made] == ["server1.sqlite3"], "whole, and can be copied"


def test_without_a_password_the_demo_makes_one_up_and_shows_it(serve):
    port = free_port()
    process = serve(port, DEMO_PASSWORD="")
    wait_until_it_answers(process, port)
    page = requests.get(f"http://localhost:{port}/login", timeout=PATIENCE).text
    password = re.findall("<code>([^<]+)</code>", page)[1]
    with requests.Session() as session:
        assert sign_in(port, session, password).status_code == 303
    process.terminate()
    output = written_by(process)
    assert password not in output


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SERVER1_THREADS": "none"}, "SERVER1_THREADS: 'none' is not a number"),
        ({"SERVER1_DEMO": "0", "DEMO_PASSWORD": ""}, "flask handoff-keys new"),
        ({"DEMO_PASSWORD": "short"}, "The password needs at least 8 characters."),
        ({"SERVER1_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "cannot be used"),
        ({"SERVER1_DATABASE_URL": "sqlite:////proc/x/y"}, "cannot be used"),
        ({"HANDOFF_ISSUER": "http://accounts.example.com"}, "HANDOFF_ISSUER"),
        ({"SERVER1_BIND": "0.0.0.0"}, "SERVER1_BIND is 0.0.0.0, where other machines reach"),  # noqa: S104 - it is read, not bound
    ],
)
def test_it_says_in_one_line_why_it_does_not_start(serve, settings, sentence):
    process = serve(free_port(), **settings)
    output = written_by(process)
    assert process.returncode == 1
    assert output.startswith("SERVER1 does not start. ")
    assert sentence in output
    assert output.count("\n") == 1


def test_the_demo_does_not_start_over_an_account_of_somebody_else(serve, tmp_path):
    flask(tmp_path, "users", "create", EMAIL)
    process = serve(free_port(), tmp_path)
    output = written_by(process)
    assert process.returncode == 1
    assert f"The account {EMAIL} was not made by the demo" in output


def test_the_log_is_one_line_for_each_request_and_holds_no_secret(serve):
    port = free_port()
    process = serve(port, SECRET_OF_ANOTHER="do not print the environment")
    wait_until_it_answers(process, port)
    with requests.Session() as session:
        sign_in(port, session)
        cookie = session.cookies["s1_session"]
        session.get(f"http://localhost:{port}/no%0Asuch%0Dpage?token=query-secret")
    process.terminate()
    output = written_by(process)
    assert "GET /no%0Asuch%0Dpage 404" in output
    for secret in (PASSWORD, cookie, "query-secret", "do not print"):
        assert secret not in output


def flask(directory, *arguments, **settings):
    path = {"PYTHONPATH": str(CHECKOUT)}
    return run_flask_process(
        directory, "--app", "server1", *arguments, settings={**DEMO, **path, **settings}
    )


def test_the_commands_work_from_a_shell(tmp_path):
    assert flask(tmp_path, "users", "create", EMAIL).returncode == 0
    assert EMAIL in flask(tmp_path, "users", "list").stdout
    refused = flask(tmp_path, "users", "list", SERVER1_DEMO="2")
    assert refused.returncode == 1
    assert refused.stderr == "Error: SERVER1_DEMO: '2' is neither on nor off. Use 1 or 0.\n"
