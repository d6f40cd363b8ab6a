"""People who are handed on again and again, and an operator who rotates the keys meanwhile.

    python -m tests.end_to_end.rotation 1000

starts a pair, hands on that many people across three rotations, and says how many were refused.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask_handoff.keys import (
    PUBLICATION_TIME,
    RETENTION_TIME,
    activate_key,
    read_ring,
    retire_key,
    stage_key,
)
from tests.end_to_end.journey import Browser, parameters_of
from tests.pair import Pair, running_pair

PATIENCE = 60  # seconds for whatever has to come about
PEOPLE = 3  # who are handed on at the same time
SETTLED = 30  # handoffs in a row by one key: every worker of SERVER1 signs with it


class Traffic:
    """Hands people on from SERVER1 to SERVER2 until it is told to end, and counts.

    Args:
        pair: Runs, with the demo's account.
    """

    def __init__(self, pair: Pair) -> None:
        self.kids: list[str] = []  # of the tokens, in the order in which they arrived
        self.refusals: list[str] = []
        self._pair = pair
        self._ends = threading.Event()

    @property
    def by_key(self) -> Counter[str]:
        """Return how many people came by each key."""
        return Counter(self.kids)

    def wait_for(self, people: int) -> None:
        """Wait until so many have been handed on, as long as it goes on at all."""
        while len(self.kids) < people:
            self._wait_for_one_more(len(self.kids))

    def _wait_for_one_more(self, people: int) -> None:
        eventually(lambda: len(self.kids) > people)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Hand people on until the block ends."""
        with ThreadPoolExecutor() as threads:
            people = [threads.submit(self._go_again_and_again) for _ in range(PEOPLE)]
            try:
                yield
            finally:
                self._ends.set()
            for person in people:
                person.result()

    def _go_again_and_again(self) -> None:
        with Browser(self._pair.server1.base_url, self._pair.server2.base_url) as browser:
            browser.sign_in(self._pair.password)
            while not self._ends.is_set():
                callback = browser.callback_url()
                answer = browser.get(callback)
                kid = kid_of(callback)
                self.kids.append(kid)
                if (answer.status_code, answer.headers.get("Location")) != (303, "/notes"):
                    self.refusals.append(f"{answer.status_code} {kid}")


class Operator:
    """Rotates SERVER1's keys while it runs, with a clock that does not wait.

    What the long waits are for is done in a moment: SERVER2's keys are flushed, so that it has seen
    the staged key before that signs.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._ahead = timedelta()
        self.directory = Path(pair.server1.environment["HANDOFF_KEYS_DIRECTORY"])

    def rotate(self, traffic: Traffic) -> None:
        """Stage, activate and retire, each as early as the guards allow."""
        (former,) = (entry.kid for entry in read_ring(self.directory) if entry.signs)
        staged = stage_key(self.directory, clock=self._clock).kid
        self._pair.server2.flask("handoff-keys", "flush")
        eventually(lambda: staged in self._pair.server2.log)
        self._ahead += PUBLICATION_TIME
        activate_key(self.directory, staged, clock=self._clock)
        eventually(lambda: set(traffic.kids[-SETTLED:]) == {staged})
        self._ahead += RETENTION_TIME
        retire_key(self.directory, former, clock=self._clock)

    def _clock(self) -> datetime:
        return datetime.now(UTC) + self._ahead


def hand_on(pair: Pair, people: int, *, rotations: int) -> Traffic:
    """Hand on at least so many people, with the rotations spread among them."""
    traffic, operator = Traffic(pair), Operator(pair)
    with traffic.flowing():
        for number in range(rotations):
            traffic.wait_for(people * (2 * number + 1) // (2 * rotations))
            operator.rotate(traffic)
        traffic.wait_for(people)
    return traffic


def kid_of(callback: str) -> str:
    """Return the name of the key that signed the token in a callback's query."""
    header = parameters_of(callback)["id_token"].partition(".")[0]
    kid: str = json.loads(urlsafe_b64decode(header + "=="))["kid"]
    return kid


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something comes about in a running server."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def main(people: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_pair(Path(folder), server1={"SERVER1_WORKERS": "2"}) as pair,
    ):
        traffic = hand_on(pair, people, rotations=3)
    print(f"{len(traffic.kids)} handoffs, 3 rotations")  # noqa: T201
    print(f"by key: {list(traffic.by_key.values())}, refused: {traffic.refusals}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
