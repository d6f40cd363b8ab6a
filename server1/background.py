"""What a process of the server does beside answering requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from flask import Flask

from .logouts import messenger
from .mail import postman
from .parts import parts_of
from .rounds import LONGEST_FAREWELL, Rounds

MESSENGERS = 3  # services that hang at the same time, and hold nobody up but each other
MESSENGERS_GRACE = timedelta(milliseconds=20)  # a session that outlives its end is a door left open


class Background:
    """The threads that work off what requests have left to do: mails, and log-outs to be told.

    Start it in each process that serves requests, after the last fork.

    Args:
        app: Made by ``create_app``.
    """

    def __init__(self, app: Flask) -> None:
        made = parts_of(app)
        letters = Rounds(app, what="letters", work=postman.goes_on, entered=made.letter_entered)
        logouts = (
            Rounds(
                app,
                what="log-outs",
                work=messenger.goes_on,
                entered=made.logout_entered.listen(),
                grace=MESSENGERS_GRACE,
            )
            for _ in range(MESSENGERS)
        )
        self._rounds: Sequence[Rounds] = [letters, *logouts]

    def start(self) -> None:
        """Start the threads."""
        for rounds in self._rounds:
            rounds.start()

    def stop(self) -> None:
        """Begin nothing any more, and wait a moment for what is being done."""
        for rounds in self._rounds:
            rounds.end()
        ends_at = time.monotonic() + LONGEST_FAREWELL.total_seconds()
        for rounds in self._rounds:
            rounds.stop(timedelta(seconds=max(ends_at - time.monotonic(), 0)))
