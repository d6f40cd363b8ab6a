"""Rounds: a thread in which a server process works a queue off, so that no request waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

LOOK_EVERY = timedelta(seconds=5)  # for what other processes entered, and for what is due again
# Its work would make the answer to the request that entered something slower, if there is any work.
GRACE = timedelta(milliseconds=200)
LONGEST_FAREWELL = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class Rounds:
    """Works off what waits in a queue, in a thread of its own, until the process ends.

    Start it in each process that serves requests, after the last fork. A database that is out of
    reach only makes it wait.

    Args:
        app: Made by ``create_app``.
        what: What waits, in the log.
        work: Does one piece, and tells whether to look for another one at once.
        entered: Set when this process has entered something.
        look_every: How often to look when it has not.
        grace: How long to wait after it has.
    """

    def __init__(
        self,
        app: Flask,
        *,
        what: str,
        work: Callable[[], bool],
        entered: threading.Event,
        look_every: timedelta = LOOK_EVERY,
        grace: timedelta = GRACE,
    ) -> None:
        self._app = app
        self._what = what
        self._work = work
        self._look_every = look_every.total_seconds()
        self._grace = grace.total_seconds()
        self._entered = entered
        self._ending = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"server1-{what}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Begin nothing any more."""
        self._ending.set()
        self._entered.set()

    def stop(self, patience: timedelta = LONGEST_FAREWELL) -> None:
        """Begin nothing any more, and wait a moment for what is being done.

        If it takes longer, whoever looks for it later does it again.
        """
        self.end()
        self._thread.join(patience.total_seconds())

    def _run(self) -> None:
        while not self._ending.is_set():
            self._work_off()
            if self._entered.wait(self._look_every):
                self._entered.clear()
                self._ending.wait(self._grace)

    def _work_off(self) -> None:
        try:
            with self._app.app_context():
                while not self._ending.is_set() and self._work():
                    pass
        except SQLAlchemyError as error:
            self._note(f"the database is out of reach ({type(error).__name__})")
        except Exception as error:  # without this thread all would wait for ever
            self._note(f"this server has failed ({type(error).__name__})")
        else:
            self._note(None)

    def _note(self, trouble: str | None) -> None:
        # Once, not at every look: an outage would fill the log.
        if trouble is not None and trouble != self._trouble:
            _log.error("%s wait: %s", self._what, trouble)
        self._trouble = trouble
