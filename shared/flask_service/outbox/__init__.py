"""The outbox: jobs that wait in the database until one of any number of processes has done them.

A job is enqueued in the transaction of the change that it is about: never one without the other.
The process that claims a job leases it; when that process dies, another claims it after the lease.
What fails is tried again, later each time, and in the end kept for an operator.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, current_app

from flask_service.database import Database

from .job_rows import JobRows, job_of
from .jobs import Job, JobError, JobKind, JobUnknownError, Lane, Outcome

SWEPT_EVERY = 10  # jobs that are done

_EXTENSION = "outbox"
_log = logging.getLogger(__name__)


class Outbox:
    """The jobs of one table, made by ``job_rows.outbox_table``.

    Jobs of other kinds than *kinds*, which this version of the server can do, are left alone.
    """

    def __init__(
        self,
        table: sa.Table,
        kinds: Sequence[JobKind],
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.clock = clock
        self._table, self._rows = table, JobRows(table)
        self._database = database
        self._listeners: dict[str, list[threading.Event]] = {name: [] for name in self.kinds}
        # In memory, so that it ends with the process: no row holds back others after a crash.
        self._busy: dict[str, set[str]] = {name: set() for name in self.kinds}
        self._lock = threading.Lock()

    def init_app(self, app: Flask) -> None:
        """Make it the application's, which ``outbox()`` returns."""
        app.extensions[_EXTENSION] = self

    def listen(self, kind: JobKind) -> threading.Event:
        """Return an event of the caller's own, set whenever this process has enqueued a job."""
        event = threading.Event()
        self._listeners[kind.name].append(event)
        return event

    def enqueue(
        self, connection: sa.Connection, kind: str, topic: str, payload: Any, now: datetime
    ) -> None:
        """Enqueue a job, due at once; this process looks for it when the transaction is committed.

        The payload is a named tuple of texts: no secret, and no text of an anonymous visitor.

        Raises:
            RuntimeError: No writing transaction is open in this thread.
        """
        self.enqueue_all(connection, kind, topic, [payload], now)

    def enqueue_all(
        self,
        connection: sa.Connection,
        kind: str,
        topic: str,
        payloads: Iterable[Any],
        now: datetime,
    ) -> None:
        """Enqueue a job for each payload, see ``enqueue``: many at once, in one statement."""
        job = {"kind": kind, "topic": topic, "enqueued_at": now, "due_at": now}
        job |= {"attempts": 0, "failed": False, "is_probe": False}
        jobs = [{**job, "payload": json.dumps(payload._asdict())} for payload in payloads]
        if jobs:
            self._database.after_commit(lambda: self._notify(kind))
            connection.execute(sa.insert(self._table), jobs)

    def process_due(
        self, kind: JobKind, stopping: Callable[[], bool] = lambda: False
    ) -> Counter[Outcome]:
        """Do the jobs of a kind that are due, one after another; count what became of them.

        None is begun once *stopping*, which is asked before each, returns True.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach. A job that was being done
                is due again when its lease has expired.
        """
        outcomes: Counter[Outcome] = Counter()
        while not stopping() and (outcome := self.process_one(kind)):
            outcomes[outcome] += 1
            if outcome is Outcome.UNREACHABLE:
                break
        return outcomes

    def process_one(self, kind: JobKind) -> Outcome | None:
        """Do the job of a kind that is due longest, or return None; raise as above."""
        job = self.begin(kind)
        return None if job is None else self.finish(kind, job)

    def begin(self, kind: JobKind, lane: Lane | None = None) -> Job | None:
        """Claim a job, of one lane or of any, for ``finish``; None where none is due."""
        busy = self._busy[kind.name]
        with self._lock:  # of two threads that look at once, the second sees the first one's topic
            job = self.claim(kind, busy, lane)
            if job is not None and kind.one_per_topic:
                busy.add(job.topic)
        return job

    def finish(self, kind: JobKind, job: Job) -> Outcome:
        """Do a job that ``begin`` returned; raise as ``process_due``."""
        try:
            outcome = self.settle(kind, job, _run(kind, job))
        finally:
            with self._lock:
                self._busy[kind.name].discard(job.topic)
        if job.is_probe and outcome is not Outcome.RETRY_LATER:
            self._notify(kind.name)  # those that waited for it
        return outcome

    def claim(
        self, kind: JobKind, busy: Collection[str] = (), lane: Lane | None = None
    ) -> Job | None:
        """Lease the job that is due for the longest time. Of any number that ask, one gets it.

        The jobs of *busy* topics are left alone.
        """
        now = self.clock()
        with self._database.reading() as connection:
            if not self._rows.waiting(connection, kind):
                return None
        for each in kind.lanes if lane is None else (lane,):
            due = self._rows.due(kind, each, busy, now)
            with self._database.reading() as connection:
                if not self._rows.any(connection, due):
                    continue
            claim = self._rows.claim_probe if each is Lane.PROBE else self._rows.claim
            with self._database.writing() as connection:
                if (job := claim(connection, kind, due, now)) is not None:
                    return job
        return None

    def settle(self, kind: JobKind, job: Job, result: Outcome | JobError) -> Outcome:
        """Remove a claimed job that is done; try another again, as the kind's policy says.

        Nothing changes when the lease has expired and another process has claimed the job.
        """
        now = self.clock()
        if isinstance(result, Outcome):
            self._remove(kind, job, result, now)
            return result
        if result.permanent or now - job.enqueued_at >= kind.policy.tried_for:
            outcome, level = Outcome.FAILED, logging.ERROR
            self._mark_failed(kind, job, result, now)
        else:
            # That a service is away is logged when it goes, not with each probe.
            outcome, level = Outcome.RETRY_LATER, logging.DEBUG if job.is_probe else logging.WARNING
            with self._database.writing() as connection:
                self._rows.retry_later(connection, kind, job, str(result), now)
        about = (kind.name, job.number, job.topic, outcome.name.lower().replace("_", " "))
        _log.log(level, "%s %d %s: %s at attempt %d: %s", *about, job.attempts, result)
        return Outcome.UNREACHABLE if result.unreachable else outcome

    def retry_now(self, connection: sa.Connection, number: int | None = None) -> int:
        """Make one job due now, or all of them, also those that failed; return how many.

        Raises:
            JobUnknownError: There is none of this number.
        """
        chosen = sa.true() if number is None else self._table.c.id == number
        # A lease is left alone: another process may be trying the job at this moment.
        columns, now = self._table.c, self.clock()
        due = sa.update(self._table).values(due_at=now, attempts=0, failed=False)
        updated = connection.execute(due.where(chosen).returning(columns.kind, columns.topic)).all()
        if number is not None and not updated:
            raise JobUnknownError(f"There is no job {number}. It may have been done.")
        for kind, topic in set(updated):  # those that others wait for
            probes = (columns.kind == kind, columns.topic == topic, columns.is_probe)
            connection.execute(sa.update(self._table).where(*probes).values(due_at=now))
        return len(updated)

    def jobs(self, connection: sa.Connection) -> Sequence[Job]:
        """Return all jobs, in the order in which they were enqueued."""
        query = sa.select(self._table).order_by(self._table.c.id)
        return [job_of(row) for row in connection.execute(query).mappings()]

    def waiting(
        self, connection: sa.Connection, kind: str, topics: Collection[str], text: str
    ) -> Sequence[Job]:
        """Return the jobs of a kind that are not done yet and hold a text in their payload.

        The text stands there as it is, as an identifier does.
        """
        columns = self._table.c
        holds_it = columns.payload.contains(json.dumps(text), autoescape=True)
        which = (columns.kind == kind, columns.topic.in_(list(topics)), holds_it)
        query = sa.select(self._table).where(*which).order_by(columns.id)
        return [job_of(row) for row in connection.execute(query).mappings()]

    def about(self, connection: sa.Connection, *texts: str) -> Sequence[Job]:
        """Return the jobs of any kind that hold one of these texts in their payload."""
        query = sa.select(self._table).where(self._hold(texts)).order_by(self._table.c.id)
        return [job_of(row) for row in connection.execute(query).mappings()]

    def discard(self, connection: sa.Connection, kind: str, *texts: str) -> None:
        """Remove the jobs of a kind that hold one of these texts, also what failed."""
        held = (self._table.c.kind == kind, self._hold(texts))
        connection.execute(sa.delete(self._table).where(*held))

    def _hold(self, texts: Collection[str]) -> sa.ColumnElement[bool]:
        # In whatever case: an e-mail address is kept as it was given.
        payload = sa.func.lower(self._table.c.payload)
        return sa.or_(
            *(payload.contains(json.dumps(text).lower(), autoescape=True) for text in texts)
        )

    def _notify(self, kind: str) -> None:
        for event in self._listeners[kind]:
            event.set()

    def _remove(self, kind: JobKind, job: Job, outcome: Outcome, now: datetime) -> None:
        with self._database.writing() as connection:
            self._rows.remove(connection, job)
            if job.is_probe:
                self._rows.free_topic(connection, kind, job.topic, now)
            if job.number % SWEPT_EVERY == 0:  # what failed is kept for its time, and no longer
                self._rows.sweep(connection, kind, now)
        _log.info("%s %d %s: %s", kind.name, job.number, job.topic, outcome.name.lower())
        if job.is_probe and outcome is Outcome.SENT:
            _log.info("%s %s: answers again", kind.name, job.topic)

    def _mark_failed(self, kind: JobKind, job: Job, error: JobError, now: datetime) -> None:
        with self._database.writing() as connection:
            if job.topic in kind.never_kept:
                self._rows.remove(connection, job)
            else:
                self._rows.mark_failed(connection, job, str(error))
            others = 0
            if kind.one_per_topic and not error.permanent:
                others = self._rows.mark_old_failed(connection, kind, job, str(error), now)
            removed = self._rows.sweep(connection, kind, now)
        if others:
            _log.error("%s %s: %d more failed, as old as this one", kind.name, job.topic, others)
        for number in removed:
            _log.warning("%s %d is removed: it failed long ago", kind.name, number)


def outbox() -> Outbox:
    """Return the outbox of the current application."""
    return outbox_of(current_app)


def outbox_of(app: Flask) -> Outbox:
    """Return the outbox of *app*."""
    return cast(Outbox, app.extensions[_EXTENSION])


def _run(kind: JobKind, job: Job) -> Outcome | JobError:
    try:
        return kind.run(job)
    except JobError as error:
        return error
    except Exception as error:
        # A fault of ours must not cost the job. The error's text may hold a secret.
        return JobError(f"this server has failed ({type(error).__name__})")
