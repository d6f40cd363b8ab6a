"""Turns: which of many sign-ins at once go on, and which wait, in one process.

Passwords are compared a few at a time: each takes 64 MiB, and more would end the server. Whoever
guesses from many networks wants all the turns there are. So an address from which the account has
been signed in to before has one turn that nobody else gets, and goes first; and all others together
may keep most of the threads busy, never the last two.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

LONGEST_WAIT = timedelta(seconds=8)  # a class of thirty, at once, on two busy cores
LOOK_EVERY = timedelta(milliseconds=200)  # for what other processes have judged meanwhile


class HasherBusyError(Exception):
    """Too many passwords are being compared already; try again shortly (HTTP 503)."""


class Turns:
    """Gives turns to the threads of a process.

    Args:
        concurrent: How many passwords are compared at once.
        strangers: How many sign-ins from addresses that are not known may be under way at once.
        longest_wait: For a turn.
    """

    def __init__(self, concurrent: int, strangers: int, longest_wait: timedelta) -> None:
        self._longest_wait = longest_wait.total_seconds()
        self._changed = threading.Condition()
        self._free = concurrent
        self._kept_free = 1 if concurrent > 1 else 0  # for known addresses
        self.known_waiting = 0
        self._places = strangers
        self._judged = threading.Condition()

    @contextmanager
    def admitted(self, *, known: bool) -> Iterator[None]:
        """Let a sign-in begin, for as long as the block takes.

        Raises:
            HasherBusyError: Too many from unknown addresses are under way.
        """
        places = 0 if known else 1
        with self._changed:
            if self._places < places:
                raise HasherBusyError("too many sign-ins from addresses that are not known")
            self._places -= places
        try:
            yield
        finally:
            with self._changed:
                self._places += places
            with self._judged:
                self._judged.notify()

    @contextmanager
    def comparing(self, *, known: bool) -> Iterator[None]:
        """Wait for the turn to compare a password, and keep it for as long as the block takes.

        Raises:
            HasherBusyError: It did not come in time.
        """
        with self._changed:
            self.known_waiting += known
            try:
                may_go = self._changed.wait_for(lambda: self._may_go(known), self._longest_wait)
            finally:
                self.known_waiting -= known
            if not may_go:
                raise HasherBusyError
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def deadline(self) -> float:
        """Return when somebody who begins to wait now has waited for long enough."""
        return time.monotonic() + self._longest_wait

    def wait_until(self, is_time: Callable[[], bool], deadline: float) -> bool:
        """Ask whenever a sign-in was judged, here or perhaps in another process, until it is so.

        Returns:
            Whether that was before *deadline*.
        """
        while not is_time():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._judged:
                self._judged.wait(min(left, LOOK_EVERY.total_seconds()))
        return True

    def _may_go(self, known: bool) -> bool:
        if known:
            return self._free > 0
        return self._free > self._kept_free and not self.known_waiting
