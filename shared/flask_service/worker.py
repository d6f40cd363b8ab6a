"""Threads in which a server process does the jobs of its outbox, so that no request waits."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from .jobs import JobKind
from .outbox import outbox_of

LOOK_EVERY = timedelta(seconds=5)  # for what other processes enqueued, and for what is due again
LONGEST_STOP = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class Workers:
    """The threads of a process: each kind of jobs has its own, so that none delays another.

    Start them in each process that serves requests, after the last fork. A database out of reach
    only makes them wait. They look every *look_every* when this process has enqueued nothing.
    """

    def __init__(self, app: Flask, *, look_every: timedelta = LOOK_EVERY) -> None:
        self._app = app
        self._outbox = outbox_of(app)
        self._look_every = look_every.total_seconds()
        self._stopping = threading.Event()
        kinds = [kind for kind in self._outbox.kinds.values() for _ in range(kind.threads)]
        self._enqueued = [self._outbox.listen(kind) for kind in kinds]
        self._threads = [
            threading.Thread(target=self._work, args=one, name=f"outbox-{one[0].name}", daemon=True)
            for one in zip(kinds, self._enqueued, strict=True)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no further job, and wait a moment for those that are being done.

        One that takes longer is done again when its lease has expired.
        """
        self._stopping.set()
        for event in self._enqueued:
            event.set()
        deadline = time.monotonic() + LONGEST_STOP.total_seconds()
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _work(self, kind: JobKind, enqueued: threading.Event) -> None:
        trouble = None
        while not self._stopping.is_set():
            before, trouble = trouble, self._process_due(kind)
            if trouble not in {None, before}:  # once: an outage would fill the log
                _log.error("%s jobs wait: %s", kind.name, trouble)
            if enqueued.wait(self._look_every):
                enqueued.clear()
                self._stopping.wait(kind.grace.total_seconds())

    def _process_due(self, kind: JobKind) -> str | None:
        """Do what is due, and return what is in the way."""
        try:
            with self._app.app_context():
                self._outbox.process_due(kind, self._stopping.is_set)
        except SQLAlchemyError as error:
            return f"the database is out of reach ({type(error).__name__})"
        except Exception as error:  # without this thread no job of the kind is done
            return f"this server has failed ({type(error).__name__})"
        return None
