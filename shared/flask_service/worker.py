"""Threads in which a server process works its outbox off, so that no request waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from .jobs import JobKind, Outcome
from .outbox import outbox_of

LOOK_EVERY = timedelta(seconds=5)  # for what other processes enqueued, and for what is due again
LONGEST_STOP = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class Worker:
    """One thread that does jobs of one kind. A database out of reach only makes it wait.

    Args:
        app: An application with an outbox.
        kind: Of its kinds.
        look_every: How often to look when this process has enqueued nothing.
    """

    def __init__(self, app: Flask, kind: JobKind, *, look_every: timedelta = LOOK_EVERY) -> None:
        self._app = app
        self._kind = kind
        self._outbox = outbox_of(app)
        self._look_every = look_every.total_seconds()
        self._enqueued = self._outbox.listen(kind)
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name=f"outbox-{kind.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further job."""
        self._stopping.set()
        self._enqueued.set()

    def join(self, timeout: float) -> None:
        """Wait for the job that is being done, for so many seconds at most.

        If it takes longer, it is done again when its lease has expired.
        """
        self._thread.join(timeout)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._process_due()
            if self._enqueued.wait(self._look_every):
                self._enqueued.clear()
                self._stopping.wait(self._kind.grace.total_seconds())

    def _process_due(self) -> None:
        try:
            with self._app.app_context():
                while not self._stopping.is_set():
                    if self._outbox.process_one(self._kind) in {None, Outcome.UNREACHABLE}:
                        break
        except SQLAlchemyError as error:
            self._note(f"the database is out of reach ({type(error).__name__})")
        except Exception as error:  # without this thread all would wait for ever
            self._note(f"this server has failed ({type(error).__name__})")
        else:
            self._note(None)

    def _note(self, trouble: str | None) -> None:
        # Once, not at every look: an outage would fill the log.
        if trouble is not None and trouble != self._trouble:
            _log.error("%s jobs wait: %s", self._kind.name, trouble)
        self._trouble = trouble


class Workers:
    """The threads of a process, so many of each kind that no kind delays another.

    Start them in each process that serves requests, after the last fork.

    Args:
        app: An application with an outbox.
    """

    def __init__(self, app: Flask) -> None:
        kinds = outbox_of(app).kinds.values()
        self._workers: Sequence[Worker] = [
            Worker(app, kind) for kind in kinds for _ in range(kind.threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Begin no further job, and wait a moment for those that are being done."""
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + LONGEST_STOP.total_seconds()
        for worker in self._workers:
            worker.join(max(deadline - time.monotonic(), 0))
