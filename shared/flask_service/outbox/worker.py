"""Threads in which a server process does the jobs of its outbox, so that no request waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from flask_service.database.faults import reason_of

from . import outbox_of
from .jobs import Job, JobKind, Lane, Outcome

LONGEST_STOP = timedelta(seconds=2)

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class Workers:
    """The threads of a process: each kind and lane has its own, so that none delays another.

    Start them in each process that serves requests, after the last fork. A database out of reach
    only makes them wait. They look every *look_every*, as a rule that of the kind, when this
    process has enqueued nothing.
    """

    def __init__(self, app: Flask, *, look_every: timedelta | None = None) -> None:
        self._stopping = threading.Event()
        self.lanes = [
            LaneWorkers(app, kind, lane, look_every or kind.look_every, self._stopping)
            for kind in outbox_of(app).kinds.values()
            for lane in kind.lanes
        ]

    def start(self) -> None:
        """Start the threads."""
        for lane in self.lanes:
            lane.start()

    def stop(self) -> None:
        """Begin no further job, and wait a moment for those that are being done.

        One that takes longer is done again when its lease has expired.
        """
        self._stopping.set()
        for lane in self.lanes:
            lane.enqueued.set()
        deadline = time.monotonic() + LONGEST_STOP.total_seconds()
        for thread in [thread for lane in self.lanes for thread in lane.threads]:
            thread.join(max(deadline - time.monotonic(), 0))


class LaneWorkers:
    """The threads of one lane: one looks for jobs; while it does one, another looks.

    So there are as many as there were jobs at the same time, and no more than the kind allows.
    """

    def __init__(
        self,
        app: Flask,
        kind: JobKind,
        lane: Lane,
        look_every: timedelta,
        stopping: threading.Event,
    ) -> None:
        self.threads: list[threading.Thread] = []
        self._app, self._kind, self._lane = app, kind, lane
        self._outbox = outbox_of(app)
        self.enqueued = self._outbox.listen(kind)
        self._look_every = look_every.total_seconds()
        self._stopping = stopping
        self._looking = threading.Lock()  # held by the thread that looks
        self._counting = threading.Lock()
        self._idle = 0  # threads that look, or wait for their turn to look
        self._trouble: str | None = None

    def start(self) -> None:
        """Start the first thread."""
        with self._counting:
            self._add_thread()

    def _add_thread(self) -> None:
        self._idle += 1
        name = f"outbox-{self._kind.name}" + ("-probe" if self._lane is Lane.PROBE else "")
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _work(self) -> None:
        waits_first = False
        while True:
            with self._looking:
                job = self._look(waits_first=waits_first)
            if job is None:
                return
            with self._counting:
                self._idle -= 1
                if self._idle == 0 and len(self.threads) < self._kind.threads:
                    self._add_thread()
            waits_first = self._do(job)
            with self._counting:
                self._idle += 1

    def _look(self, *, waits_first: bool) -> Job | None:
        """Wait until there is a job; None when the process stops."""
        while not self._stopping.is_set():
            if not waits_first and (job := self._begin()) is not None:
                return job
            waits_first = False
            if self.enqueued.wait(self._look_every):
                self.enqueued.clear()
                self._stopping.wait(self._kind.grace.total_seconds())
        return None

    def _do(self, job: Job | None) -> bool:
        """Do a job and those that are due after it; say whether to wait before the next look."""
        while job is not None:
            outcome = self._guarded(partial(self._outbox.finish, self._kind, job))
            if outcome in {None, Outcome.UNREACHABLE}:
                return True
            job = None if self._stopping.is_set() else self._begin()
        return False

    def _begin(self) -> Job | None:
        return self._guarded(partial(self._outbox.begin, self._kind, self._lane))

    def _guarded(self, act: Callable[[], _Result]) -> _Result | None:
        try:
            with self._app.app_context():
                result = act()
        except SQLAlchemyError as error:
            trouble = f"the database failed ({reason_of(error)})"
        except Exception as error:  # without this thread no job of the kind is done
            trouble = f"this server has failed ({type(error).__name__})"
        else:
            self._trouble = None
            return result
        if trouble != self._trouble:  # once: an outage would fill the log
            _log.error("%s jobs wait: %s", self._kind.name, trouble)
        self._trouble = trouble
        return None
