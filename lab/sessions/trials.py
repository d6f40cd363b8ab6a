"""What a visitor tries: three sessions of one way, a request of each, an end, and again."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from flask_handoff.claims import Clock, system_clock

from ..tokens import LIFE
from .ways import WAYS, RefusedError, Way

MOST = 200  # benches that are kept; the oldest makes room

COOKIE = "lab_trial"
YOU, SOMEBODY = "visitor", "somebody"
SEATS = ("Your browser", "Your phone", "Somebody else")
"""Whose sessions there are: two of one user, one of another."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the server made of one request."""

    seat: str
    accepted: bool
    reason: str
    look_ups: int
    milliseconds: float


class Trial:
    """One way, tried with three sessions; yours is in your browser, the lab holds the other two."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.credential, self._phone = way.sign_in(YOU), way.sign_in(YOU)
        self._somebody = way.sign_in(SOMEBODY)
        self.before: Sequence[Look] = ()
        self.after: Sequence[Look] = ()
        self.ended_in: float | None = None  # milliseconds

    @property
    def step(self) -> str:
        """What is next: ``request``, ``end``, ``again``, or ``done``."""
        if not self.before:
            return "request"
        if self.ended_in is None:
            return "end"
        return "done" if self.after else "again"

    def request(self, unverified_credential: str) -> None:
        """Let each of the three make a request; yours presents what your browser sent."""
        presented = (unverified_credential, self._phone, self._somebody)
        looks = [self._look(*each) for each in zip(SEATS, presented, strict=True)]
        if self.ended_in is None:
            self.before = looks
        else:
            self.after = looks

    def end(self) -> None:
        """End yours, once. Your browser keeps its cookie, as a thief keeps a copy."""
        if self.ended_in is None:
            start = perf_counter()
            self.way.end(self.credential)
            self.ended_in = (perf_counter() - start) * 1000

    @property
    def octets(self) -> int:
        """How many bytes of each request are the cookie, its name included."""
        return len(f"{COOKIE}={self.credential}")

    @property
    def kept(self) -> str:
        """What the server keeps now, in words."""
        rows = len(self.way.rows)
        return self.way.keeps.format("1 row" if rows == 1 else f"{rows} rows")

    @property
    def delay(self) -> str:
        """How long yours was good after its end, in words."""
        if not self.after:
            return ""
        return f"up to {LIFE // 60} minutes: it expires" if self.after[0].accepted else "at once"

    def _look(self, seat: str, unverified_credential: str) -> Look:
        asked_before, start, reason = self.way.look_ups, perf_counter(), ""
        try:
            self.way.authenticate(unverified_credential)
        except RefusedError as error:
            reason = str(error)
        return Look(
            seat=seat,
            accepted=not reason,
            reason=reason,
            look_ups=self.way.look_ups - asked_before,
            milliseconds=(perf_counter() - start) * 1000,
        )


class Bench:
    """The trials of one visitor, the newest of each way, under an id that nobody guesses."""

    def __init__(self, clock: Clock) -> None:
        self.id = secrets.token_urlsafe(16)
        self.trials: dict[str, Trial] = {}
        self.lock = threading.Lock()  # a form that is sent twice
        self._clock = clock

    def begin(self, way: str) -> Trial:
        """Sign three browsers in, in this way."""
        self.trials.pop(way, None)  # the newest stands last
        self.trials[way] = Trial(WAYS[way](self._clock))
        return self.trials[way]

    @property
    def trial(self) -> Trial:
        """The one that goes on."""
        return next(reversed(self.trials.values()))


class Benches:
    """All benches, by their ids."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._benches: dict[str, Bench] = {}
        self._lock = threading.Lock()

    def open(self, unverified_id: str) -> Bench:
        """Return this bench, or a new one where there is none."""
        with self._lock:
            if bench := self._benches.get(unverified_id):
                return bench
            bench = Bench(self._clock)
            self._benches[bench.id] = bench
            if len(self._benches) > MOST:
                del self._benches[next(iter(self._benches))]
        return bench

    def find(self, unverified_id: str) -> Bench:
        """Return a bench.

        Raises:
            KeyError: There is none of that id, or none any more.
        """
        return self._benches[unverified_id]
