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
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.engine import RowMapping

from .database import Database, Instant
from .jobs import Job, JobError, JobKind, JobUnknownError, Outcome

KEPT_FOR = timedelta(days=30)  # after it was enqueued: a job that failed
SWEPT_AT_ONCE = 20  # rows
LONGEST_REASON = 200  # characters

_EXTENSION = "outbox"
_log = logging.getLogger(__name__)


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Describe the table. It has no foreign keys: what a job is about may be deleted before."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("enqueued_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(LONGEST_REASON)),
        sa.Column("leased_until", Instant),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Index("outbox_by_due_at", "kind", "failed", "due_at"),
        sqlite_autoincrement=True,  # a number in the log means one job only
    )


class Outbox:
    """The jobs of one table, made by ``outbox_table``.

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
        self._table = table
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

        The payload is a dataclass of texts: no secret, and no text of an anonymous visitor.

        Raises:
            RuntimeError: No writing transaction is open in this thread.
        """
        self._database.after_commit(lambda: self._notify(kind))
        values = {"kind": kind, "topic": topic, "payload": json.dumps(asdict(payload))}
        times = {"enqueued_at": now, "due_at": now}
        connection.execute(
            sa.insert(self._table).values(**values, **times, attempts=0, failed=False)
        )

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
        busy = self._busy[kind.name]
        with self._lock:  # of two threads that look at once, the second sees the first one's topic
            job = self.claim(kind, busy)
            if job is None:
                return None
            if kind.one_per_topic:
                busy.add(job.topic)
        try:
            return self.settle(kind, job, _run(kind, job))
        finally:
            with self._lock:
                busy.discard(job.topic)

    def claim(self, kind: JobKind, busy: Collection[str] = ()) -> Job | None:
        """Lease the job that is due for the longest time. Of any number that ask, one gets it.

        The jobs of *busy* topics are left alone.
        """
        columns, now = self._table.c, self.clock()
        due = (
            columns.kind == kind.name,
            sa.true() if kind.topics is None else columns.topic.in_(list(kind.topics)),
            columns.topic.not_in(list(busy)),
            columns.failed.is_(False),
            self._is_due(kind, now),
            sa.or_(
                columns.leased_until.is_(None),
                columns.leased_until <= now,
                columns.leased_until > now + 2 * kind.policy.lease,  # by a clock that was ahead
            ),
        )
        with self._database.reading() as connection:  # takes no lock to find out
            if connection.execute(sa.select(columns.id).where(*due).limit(1)).first() is None:
                return None
        first = sa.select(columns.id).where(*due).order_by(columns.due_at, columns.id).limit(1)
        claimed = (
            sa.update(self._table)
            .where(columns.id == first.with_for_update(skip_locked=True).scalar_subquery())
            .values(leased_until=now + kind.policy.lease, attempts=columns.attempts + 1)
            .returning(*columns)
        )
        with self._database.writing() as connection:
            row = connection.execute(claimed).mappings().one_or_none()
        return None if row is None else _job(row)

    def settle(self, kind: JobKind, job: Job, result: Outcome | JobError) -> Outcome:
        """Remove a claimed job that is done; try another again, the more often tried the later.

        Nothing changes when the lease has expired and another process has claimed the job.
        """
        if isinstance(result, Outcome):
            with self._database.writing() as connection:
                connection.execute(sa.delete(self._table).where(*self._still_leased(job)))
            _log.info("%s %d %s: %s", kind.name, job.number, job.topic, result.name.lower())
            return result
        now = self.clock()
        if result.permanent or now - job.enqueued_at >= kind.policy.tried_for:
            outcome, level = Outcome.FAILED, logging.ERROR
            self._mark_failed(kind, job, str(result), now)
        else:
            outcome, level = Outcome.RETRY_LATER, logging.WARNING
            self._retry_later(kind, job, str(result), now)
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
        due = sa.update(self._table).values(due_at=self.clock(), attempts=0, failed=False)
        updated = connection.execute(due.where(chosen).returning(self._table.c.id)).all()
        if number is not None and not updated:
            raise JobUnknownError(f"There is no job {number}. It may have been done.")
        return len(updated)

    def jobs(self, connection: sa.Connection) -> Sequence[Job]:
        """Return all jobs, in the order in which they were enqueued."""
        query = sa.select(self._table).order_by(self._table.c.id)
        return [_job(row) for row in connection.execute(query).mappings()]

    def _notify(self, kind: str) -> None:
        for event in self._listeners[kind]:
            event.set()

    def _retry_later(self, kind: JobKind, job: Job, reason: str, now: datetime) -> None:
        doublings: int = 2 ** min(job.attempts - 1, 20)
        due_at = now + min(kind.policy.first_delay * doublings, kind.policy.longest_delay)
        columns = self._table.c
        same_topic = (columns.kind == kind.name, columns.topic == job.topic, ~columns.failed)
        with self._database.writing() as connection:
            connection.execute(self._release(job, reason).values(due_at=due_at))
            if kind.one_per_topic:
                # A job that is enqueued after this is tried at once, and shows who answers again.
                others = sa.update(self._table).where(*same_topic, self._is_due(kind, due_at))
                connection.execute(others.values(due_at=due_at))

    def _mark_failed(self, kind: JobKind, job: Job, reason: str, now: datetime) -> None:
        columns = self._table.c
        is_old = columns.enqueued_at <= now - KEPT_FOR
        old = sa.select(columns.id).where(columns.kind == kind.name, columns.failed, is_old)
        some = columns.id.in_(old.limit(SWEPT_AT_ONCE).with_for_update(skip_locked=True))
        with self._database.writing() as connection:
            connection.execute(self._release(job, reason).values(failed=True))
            swept = connection.execute(sa.delete(self._table).where(some).returning(columns.id))
            removed = sorted(swept.scalars())
        for number in removed:
            _log.warning("%s %d is removed: it failed long ago", kind.name, number)

    def _release(self, job: Job, reason: str) -> sa.Update:
        released = sa.update(self._table).where(*self._still_leased(job))
        return released.values(leased_until=None, last_error=reason[:LONGEST_REASON])

    def _is_due(self, kind: JobKind, at: datetime) -> sa.ColumnElement[bool]:
        # Leased or not. What a clock wrote that was ahead does not wait until that time has come.
        columns, policy = self._table.c, kind.policy
        return sa.or_(
            columns.due_at <= at,
            columns.due_at == columns.enqueued_at,  # never tried: due, whenever that was
            columns.due_at > at + policy.longest_delay + policy.lease,
        )

    def _still_leased(self, job: Job) -> Sequence[sa.ColumnElement[bool]]:
        columns = self._table.c
        return (columns.id == job.number, columns.leased_until == job.leased_until)


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


def _job(row: RowMapping) -> Job:
    return Job(**{("number" if name == "id" else name): value for name, value in row.items()})
