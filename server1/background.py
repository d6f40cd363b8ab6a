"""What a process of the server does beside answering requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from flask import Flask

from .mail.postman import goes_on
from .parts import parts_of
from .rounds import LONGEST_FAREWELL, Rounds


class Background:
    """The threads that work off what requests have left to do, such as mails.

    Start it in each process that serves requests, after the last fork.

    Args:
        app: Made by ``create_app``.
    """

    def __init__(self, app: Flask) -> None:
        self._rounds: Sequence[Rounds] = [
            Rounds(app, what="letters", work=goes_on, entered=parts_of(app).letter_entered),
        ]

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
