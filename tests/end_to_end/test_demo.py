import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from tests.end_to_end.journey import Browser
from tests.ports import free_port
from tests.service.schemas import SERVERS, connected

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60  # seconds
NAMES = ("SERVER1", "SERVER2", "LAB")
READY = "Ctrl-C ends them all."
CHOSEN_PASSWORD = "correct horse battery staple 7"


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Where the tests run under nohup, it would let the demo ignore it too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class RunningDemo:
    """``make demo`` in a terminal of its own and in an empty directory."""

    def __init__(self, directory, environment):
        terminal, inside = pty.openpty()
        self.terminal = terminal
        self.written = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", directory / "demo.py"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **environment},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(inside)
        self.servers: list[int] = []

    def wait_until_ready(self):
        self._read_until(lambda: READY in self.written or self.process.poll() is not None)
        assert READY in self.written, self.written
        self.servers = [pid for pid, parent, _ in processes() if parent == self.process.pid]
        assert len(self.servers) == 3
        return self

    def wait_until_ended(self):
        self._read_until(lambda: self.process.poll() is not None)
        # It may have written until its last moment.
        while self._read():
            pass
        return self.process.returncode

    def press_ctrl_c(self):
        os.write(self.terminal, b"\x03")

    def close_terminal(self):
        os.close(self.terminal)
        self.terminal = None

    def what_is_left(self):
        """The processes that live still, of this one, of the servers and of their workers."""
        ours = {self.process.pid, *self.servers}
        return [pid for pid, _, session in processes() if session in ours]

    def address(self, server):
        return re.search(rf"{server} .* (http://\S+)", self.written)[1]

    def password(self):
        return re.search(r"with the password +(\S+)", self.written)[1]

    def end(self):
        for pid in {self.process.pid, *self.servers}:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self.terminal is not None:
            self.close_terminal()

    def _read_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.written
            if not self._read():
                time.sleep(0.02)

    def _read(self):
        """Read what has been written since; tell whether there was anything."""
        if self.terminal is None or not select.select([self.terminal], [], [], 0)[0]:
            return False
        try:
            octets = os.read(self.terminal, 65536)
        except OSError:  # nobody has the other side open any more
            return False
        self.written += self._decoder.decode(octets)
        return bool(octets)


def processes():
    listing = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,sess=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    return [
        (int(pid), int(parent), int(session))
        for pid, parent, session, stat in rows
        if stat[0] != "Z"
    ]


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


@contextlib.contextmanager
def starting(directory, ports):
    (directory / "demo.py").symlink_to(CHECKOUT / "demo.py")
    chosen = dict(zip((f"{name}_PORT" for name in NAMES), map(str, ports), strict=True))
    started = []

    def start_demo(**environment):
        started.append(RunningDemo(directory, {**chosen, **environment}))
        return started[-1]

    try:
        yield start_demo
    finally:
        for demo in started:
            demo.end()


@pytest.fixture
def ports():
    return [free_port(), free_port(), free_port()]


@pytest.fixture
def start(tmp_path, ports):
    with starting(tmp_path, ports) as start_demo:
        yield start_demo


@pytest.fixture(scope="module")
def lasting_demo(tmp_path_factory):
    """A demo for tests that leave it running, with a password that was chosen for it."""
    ports = [free_port(), free_port(), free_port()]
    with starting(tmp_path_factory.mktemp("lasting"), ports) as start_demo:
        yield start_demo(DEMO_PASSWORD=CHOSEN_PASSWORD).wait_until_ready()


@contextlib.contextmanager
def signed_in(demo, password):
    """Follow the way from the notes to the sign-in page and back; what the browser shows then."""
    with Browser(demo.address("SERVER1"), demo.address("SERVER2")) as browser:
        yield browser.sign_in(password, browser.arrive())


def stalled_post(url):
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.sendall(
        f"POST /login HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\nx=".encode()
    )
    return connection


ENDINGS = {
    "Ctrl-C": RunningDemo.press_ctrl_c,  # SIGINT
    "SIGTERM": lambda demo: demo.process.send_signal(signal.SIGTERM),
    "SIGKILL": lambda demo: demo.process.kill(),
    "the terminal closes": RunningDemo.close_terminal,  # SIGHUP
}


def end_and_leave_nothing(demo, how):
    ENDINGS[how](demo)
    status = demo.wait_until_ended()
    assert status == (-signal.SIGKILL if how == "SIGKILL" else 0)
    until(lambda: demo.what_is_left() == [])


# Ctrl-C and SIGKILL end the two starts below.
@pytest.mark.parametrize("how", ["SIGTERM", "the terminal closes"])
def test_nothing_is_left_of_it(start, how):
    end_and_leave_nothing(start().wait_until_ready(), how)


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGKILL"])
def test_nothing_is_left_of_it_when_requests_stall(start, how):
    demo = start().wait_until_ready()
    with stalled_post(demo.address("SERVER1")), stalled_post(demo.address("SERVER2")):
        end_and_leave_nothing(demo, how)


def test_signals_of_log_rotation_and_supervisors_end_nothing(lasting_demo):
    demo = lasting_demo
    before = sorted(demo.what_is_left())
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGWINCH"):
        for server in demo.servers:
            os.killpg(server, getattr(signal, name))
        if name != "SIGHUP":  # of its terminal, see above
            demo.process.send_signal(getattr(signal, name))
    with signed_in(demo, CHOSEN_PASSWORD) as arrived:
        assert "Your notes" in arrived.text
    assert requests.get(f"{demo.address('SERVER1')}/healthz", timeout=PATIENCE).ok
    assert sorted(demo.what_is_left()) == before


def test_it_can_be_ended_before_it_is_ready(start):
    demo = start()
    until(lambda: any(parent == demo.process.pid for _, parent, _ in processes()))
    demo.servers = [pid for pid, parent, _ in processes() if parent == demo.process.pid]
    demo.process.terminate()
    assert demo.wait_until_ended() == 0
    assert READY not in demo.written
    until(lambda: demo.what_is_left() == [])


@pytest.mark.parametrize("server", ["SERVER1", "SERVER2"])
def test_a_server_that_dies_ends_the_demo(start, ports, server):
    demo = start().wait_until_ready()
    victim = next(pid for pid in demo.servers if f" {server.lower()} " in command(pid))
    os.kill(victim, signal.SIGKILL)
    assert demo.wait_until_ended() == 1
    assert f"The demo has ended. {server} has ended by itself" in demo.written
    until(lambda: demo.what_is_left() == [])


def command(pid):
    listing = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_port_in_use_is_told_in_one_sentence_and_nothing_starts(start, ports, tmp_path, name):
    port = ports[NAMES.index(name)]
    with socket.create_server(("127.0.0.1", port)):
        demo = start()
        assert demo.wait_until_ended() == 1
    assert demo.written.splitlines() == [
        f"The demo has ended. Port {port} is already in use. End what listens on it, "
        f"or give {name} another one: make demo {name}_PORT=…"
    ]
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize("name", ["SERVER2", "LAB"])
def test_one_port_for_two_is_told_in_one_sentence(start, ports, name):
    demo = start(**{f"{name}_PORT": str(ports[0])})
    assert demo.wait_until_ended() == 1
    assert demo.written.count("\n") == 1
    assert f"SERVER1 and {name} would both listen on port {ports[0]}" in demo.written


def test_a_wrong_setting_is_told_in_one_sentence(start):
    demo = start(SERVER2_SESSION_SAMESITE="Sometimes")
    assert demo.wait_until_ended() == 1
    assert demo.written.count("\n") == 1
    assert "SERVER2_SESSION_SAMESITE" in demo.written


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_data_of_an_earlier_checkout_is_told_with_the_remedy(start, tmp_path, server):
    directory = tmp_path / "instance" / server.name
    directory.mkdir(parents=True)
    url = f"sqlite:///{directory / server.name}.sqlite3"
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE sessions (id INTEGER)"))
    demo = start()
    assert demo.wait_until_ended() == 1
    assert "(sessions) but no version" in demo.written
    assert "remove a demo's data: make clean" in demo.written
    assert "Traceback" not in demo.written


def test_the_password_can_be_chosen(lasting_demo):
    assert CHOSEN_PASSWORD in lasting_demo.written
    with signed_in(lasting_demo, CHOSEN_PASSWORD) as arrived:
        assert arrived.url.endswith("/notes")


def test_two_starts_share_the_keys_and_each_prints_a_password_of_its_own(start, ports, tmp_path):
    first = start().wait_until_ready()
    assert first.address("SERVER1") == f"http://localhost:{ports[0]}"
    assert first.address("SERVER2") == f"http://127.0.0.1:{ports[1]}"
    assert f"http://lab.localhost:{ports[2]}\r\n" in first.written
    with signed_in(first, first.password()) as arrived:
        assert arrived.url == f"http://127.0.0.1:{ports[1]}/notes"
        assert "Your notes" in arrived.text
    made = {made.name for made in (tmp_path / "instance").iterdir()}
    assert made == {"keys", "server1", "server2"}
    keys = requests.get(f"{first.address('SERVER1')}/.well-known/jwks.json", timeout=PATIENCE)
    end_and_leave_nothing(first, "Ctrl-C")

    second = start().wait_until_ready()
    again = requests.get(f"{second.address('SERVER1')}/.well-known/jwks.json", timeout=PATIENCE)
    assert again.json() == keys.json()
    assert first.password() != second.password()
    with signed_in(second, first.password()) as refused:
        assert refused.url.startswith(second.address("SERVER1"))
    with signed_in(second, second.password()) as arrived:
        assert arrived.url.endswith("/notes")
    end_and_leave_nothing(second, "SIGKILL")
