"""The thread in which a server process delivers letters, so that no request waits for a mail."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from server1.parts import parts_of

from .postman import Outcome, deliver_next

LOOK_EVERY = timedelta(seconds=5)  # for what other processes entered, and for what is due again
# Its work would make the answer to the request that entered a letter slower, if there is any work.
GRACE = timedelta(milliseconds=200)
LONGEST_FAREWELL = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class Rounds:
    """Delivers the letters of an application in a thread, until the process ends.

    Start it in each process that serves requests, after the last fork. A database that is out of
    reach only makes it wait.

    Args:
        app: Made by ``create_app``.
        look_every: How often to look when this process enters no letter itself.
        grace: How long to wait after it did.
    """

    def __init__(
        self, app: Flask, *, look_every: timedelta = LOOK_EVERY, grace: timedelta = GRACE
    ) -> None:
        self._app = app
        self._look_every = look_every.total_seconds()
        self._grace = grace.total_seconds()
        self._letter_entered = parts_of(app).letter_entered
        self._ending = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="server1-mail", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further letter, and wait a moment for the one that is being sent.

        If it takes longer, whoever looks for it later sends it again.
        """
        self._ending.set()
        self._letter_entered.set()
        self._thread.join(LONGEST_FAREWELL.total_seconds())

    def _run(self) -> None:
        while not self._ending.is_set():
            self._deliver()
            if self._letter_entered.wait(self._look_every):
                self._letter_entered.clear()
                self._ending.wait(self._grace)

    def _deliver(self) -> None:
        try:
            with self._app.app_context():
                while not self._ending.is_set():
                    if deliver_next() in {None, Outcome.OUT_OF_REACH}:
                        break
        except SQLAlchemyError as error:
            self._note(f"the database is out of reach ({type(error).__name__})")
        except Exception as error:  # without this thread no mail would ever leave again
            self._note(f"this server has failed ({type(error).__name__})")
        else:
            self._note(None)

    def _note(self, trouble: str | None) -> None:
        # Once, not at every look: an outage would fill the log.
        if trouble is not None and trouble != self._trouble:
            _log.error("letters wait: %s", trouble)
        self._trouble = trouble
