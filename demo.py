"""``make demo``: starts both servers and the lab here, says where to go, and ends them all.

Each server is a child in a session of its own, so that Ctrl-C reaches this process only. Each one
holds the reading end of a pipe whose writing end is here: when this process is gone, however it
went, the pipe ends, and the server ends itself.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import requests

from flask_handoff import ConfigurationError
from flask_service.processes.main_process import LIFELINE
from flask_service.settings.file import read_environment
from lab.config import Config as LabConfig
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config

HERE = Path(__file__).parent
ACCOUNT = "ada@example.com"
STARTS_WITHIN = 60  # seconds, keys and databases made
ENDS_WITHIN = 10  # seconds; a server gives a stalled request 3 of them
GLANCE = 0.1  # seconds between two looks at the children
LOOPBACK = ("127.0.0.1", "::1")
DEMO_MODE = ("SERVER1_DEMO", "SERVER2_DEMO", "LAB_DEMO")


class DemoError(Exception):
    """The demo cannot start or continue; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """One server: its package, its port, where browsers find it, and where programs do."""

    package: str
    port: int
    url: str
    address: str

    @property
    def name(self) -> str:
        """What pages and messages call it."""
        return self.package.upper()


class Demo:
    """The servers, from their start to their end."""

    def __init__(self, environment: Mapping[str, str], places: tuple[Place, ...]) -> None:
        self._environment = environment
        self._places = places
        self._children: dict[Place, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self, greeting: str) -> None:
        """Start them, print *greeting* when all answer, and stay until a signal comes.

        Raises:
            DemoError: A server has ended by itself, or does not answer in time.
        """
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup would have it
            signal.signal(signal.SIGHUP, self._stop)
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # as the servers do
            signal.signal(number, signal.SIG_IGN)
        pipe_end, lifeline = os.pipe()
        try:
            for place in self._places:
                self._children[place] = subprocess.Popen(
                    [sys.executable, "-m", place.package],
                    env={**self._environment, LIFELINE: str(pipe_end)},
                    stdin=subprocess.DEVNULL,
                    pass_fds=(pipe_end,),
                    start_new_session=True,
                )
            self._watch(greeting)
        finally:
            self._end_children()
            os.close(pipe_end)
            os.close(lifeline)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _watch(self, greeting: str) -> None:
        # Asked one after the other: SERVER2 is ready when it has SERVER1's keys, and when it asked
        # too early, it does not ask again at once.
        awaited = list(self._places)
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._stopping:
            for place, child in self._children.items():
                if (status := child.poll()) is not None:
                    raise DemoError(f"{place.name} has ended by itself, with status {status}.")
            if awaited and _answers(awaited[0]):
                del awaited[0]
                if not awaited:
                    _say(greeting)
            elif awaited and time.monotonic() > deadline:
                raise DemoError(f"{awaited[0].name} does not answer at {awaited[0].url}.")
            time.sleep(GLANCE)

    def _end_children(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + ENDS_WITHIN
        for child in self._children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(deadline - time.monotonic(), 0))
            if child.returncode != 0:
                # It was killed, or hangs: what it started may still be there, in its session.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def main() -> int:
    """Run the demo; return 1, after a sentence, if it cannot start or continue."""
    os.chdir(HERE)
    try:
        environment = {**read_environment(), **dict.fromkeys(DEMO_MODE, "1")}
        password = environment.get("DEMO_PASSWORD") or secrets.token_urlsafe(9)
        environment["DEMO_PASSWORD"] = password
        first, second, lab = places = _places(environment)
        environment = {**_introductions(first, second, lab), **environment}
        for place in places:
            _check_port(place)
        greeting = f"""
  SERVER1 knows the passwords       {first.url}
  SERVER2 keeps the notes           {second.url}
  Mails that would be sent          {first.url}/outbox
  The lab: where is my token?       {lab.url}

  Sign in as                        {ACCOUNT}
  with the password                 {password}

  Ctrl-C ends them all.
"""
        Demo(environment, places).run(greeting)
    except (ConfigurationError, DemoError) as error:
        _say(f"The demo has ended. {error}")
        return 1
    _say("All of them have ended.")
    return 0


def _places(environment: Mapping[str, str]) -> tuple[Place, Place, Place]:
    first = Server1Config.from_environment(environment)
    second = Server2Config.from_environment(environment)
    lab = LabConfig.from_environment(environment)
    places = (
        Place("server1", first.serving.port, first.issuer, first.issuer),
        Place("server2", second.serving.port, second.base_url, second.base_url),
        Place("lab", lab.serving.port, lab.base_url, lab.address),
    )
    for one, other in combinations(places, 2):
        if one.port == other.port:
            raise DemoError(
                f"{one.name} and {other.name} would both listen on port {one.port}: "
                f"set {one.name}_PORT and {other.name}_PORT to two different ports."
            )
    return places


def _introductions(first: Place, second: Place, lab: Place) -> Mapping[str, str]:
    """Return the settings by which the servers find the lab, and the lab finds them."""
    return {
        **{f"{server}_LAB_URL": lab.url for server in ("SERVER1", "SERVER2")},
        **{f"{server}_LAB_ADDRESS": lab.address for server in ("SERVER1", "SERVER2")},
        "LAB_SERVER1_URL": first.url,
        "LAB_SERVER2_URL": second.url,
    }


def _check_port(place: Place) -> None:
    # A browser may try any of loopback's addresses first, so nobody else may listen on either.
    for address in LOOPBACK:
        with suppress(OSError), socket.create_connection((address, place.port), timeout=1):
            raise DemoError(
                f"Port {place.port} is already in use. End what listens on it, "
                f"or give {place.name} another one: make demo {place.name}_PORT=…"
            )


def _answers(place: Place) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the surroundings does not know this machine's ports
        try:
            answer = session.get(
                f"{place.address}/readyz",
                headers={"Host": urlsplit(place.url).netloc},
                timeout=2,
                allow_redirects=False,
            )
            return answer.ok
        except requests.RequestException:
            return False


def _say(text: str) -> None:
    # After a hang-up nobody reads it, and the children must be ended all the same.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
