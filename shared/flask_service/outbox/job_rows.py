"""The rows of an outbox: which job is claimed next, and what a try that failed leaves of it.

Where the jobs of a topic fail together (its service is away), one of them is the topic's probe: the
others wait until a probe is done. Each probe is the job that waits longest: one that alone is
refused holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant

from .jobs import Job, JobKind, Lane

KEPT_FOR = timedelta(days=30)  # after it was enqueued: a job that failed
SWEPT_AT_ONCE = 20  # rows
FAILED_AT_ONCE = 1000  # rows: of a topic that was away for too long
LONGEST_REASON = 200  # characters

_Conditions = Sequence[sa.ColumnElement[bool]]


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
        sa.Column("is_probe", sa.Boolean, nullable=False),
        sa.Index("outbox_by_due_at", "kind", "failed", "due_at"),
        sa.Index("outbox_probes", "kind", "is_probe", "topic"),
        sqlite_autoincrement=True,  # a number in the log means one job only
    )


class JobRows:
    """The statements on the table of an outbox. Each runs in the transaction of its caller."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        is_kind = table.c.kind == sa.bindparam("of_kind")
        waiting = sa.select(table.c.id).where(is_kind, table.c.failed.is_(False)).limit(1)
        self._waiting = Statement(waiting)

    def waiting(self, connection: sa.Connection, kind: JobKind) -> bool:
        """Say whether there is any job of a kind: asked several times a second, of an empty table.

        What is asked after that costs ten times as much.
        """
        return self._waiting.row(connection, of_kind=kind.name) is not None

    def due(self, kind: JobKind, lane: Lane, busy: Collection[str], now: datetime) -> _Conditions:
        """Say which jobs may be claimed now: those of a lane, but for topics that are *busy*."""
        columns = self.table.c
        return (
            *self._claimable(kind, now),
            columns.topic.not_in(list(busy)),
            self._is_due(kind, now),
            self._is_in(kind, lane),
        )

    def any(self, connection: sa.Connection, conditions: _Conditions) -> bool:
        """Say whether there is such a job. It takes no lock to find out."""
        found = sa.select(self.table.c.id).where(*conditions).limit(1)
        return connection.execute(found).first() is not None

    def claim(
        self, connection: sa.Connection, kind: JobKind, due: _Conditions, now: datetime
    ) -> Job | None:
        """Lease the first job that is due."""
        return self._lease(connection, kind, due, now, is_probe=False)

    def claim_probe(
        self, connection: sa.Connection, kind: JobKind, due: _Conditions, now: datetime
    ) -> Job | None:
        """End the first probe that is due, and lease the next one of its topic.

        The job that was tried least: of several that alone are refused, none holds up a new one.
        """
        columns = self.table.c
        first = sa.select(columns.topic).where(*due).order_by(columns.due_at, columns.id).limit(1)
        topic = connection.execute(first.with_for_update(skip_locked=True)).scalar()
        if topic is None:  # another process was faster
            return None
        self.free_topic(connection, kind, topic, now)
        waiting = (*self._claimable(kind, now), columns.topic == topic)
        return self._lease(connection, kind, waiting, now, is_probe=True)

    def free_topic(
        self, connection: sa.Connection, kind: JobKind, topic: str, now: datetime
    ) -> None:
        """End the probe of a topic, which is due, too: its jobs wait for none any more."""
        columns = self.table.c
        probes = sa.select(columns.id).where(
            columns.kind == kind.name, columns.topic == topic, columns.is_probe.is_(True)
        )
        freed = sa.update(self.table).values(is_probe=False, due_at=now)
        connection.execute(freed.where(self._unlocked(probes)))

    def remove(self, connection: sa.Connection, job: Job) -> None:
        """Remove a claimed job."""
        connection.execute(sa.delete(self.table).where(*self._still_leased(job)))

    def retry_later(
        self, connection: sa.Connection, kind: JobKind, job: Job, reason: str, now: datetime
    ) -> None:
        """Release a claimed job, as its topic's probe where the kind has probes."""
        doublings: int = 2 ** min(job.attempts - 1, 20)
        due_at = now + min(kind.policy.first_delay * doublings, kind.policy.longest_delay)
        released = self._release(job, reason)
        connection.execute(released.values(due_at=due_at, is_probe=kind.one_per_topic))

    def mark_failed(self, connection: sa.Connection, job: Job, reason: str) -> None:
        """Keep a claimed job for an operator."""
        connection.execute(self._release(job, reason).values(failed=True, is_probe=False))

    def mark_old_failed(
        self, connection: sa.Connection, kind: JobKind, job: Job, reason: str, now: datetime
    ) -> int:
        """Mark failed what waits of a job's topic for too long as well; return how many."""
        columns = self.table.c
        is_old = columns.enqueued_at <= now - kind.policy.tried_for
        old = sa.select(columns.id).where(
            *self._claimable(kind, now), columns.topic == job.topic, is_old
        )
        marked = sa.update(self.table).where(self._unlocked(old.limit(FAILED_AT_ONCE)))
        marked = marked.values(failed=True, is_probe=False, last_error=reason[:LONGEST_REASON])
        return len(connection.execute(marked.returning(columns.id)).all())

    def sweep(self, connection: sa.Connection, kind: JobKind, now: datetime) -> Sequence[int]:
        """Remove a few jobs that failed long ago, and return their numbers."""
        columns = self.table.c
        is_old = columns.enqueued_at <= now - KEPT_FOR
        old = sa.select(columns.id).where(columns.kind == kind.name, columns.failed, is_old)
        swept = sa.delete(self.table).where(self._unlocked(old.limit(SWEPT_AT_ONCE)))
        return sorted(connection.execute(swept.returning(columns.id)).scalars())

    def _lease(
        self,
        connection: sa.Connection,
        kind: JobKind,
        conditions: _Conditions,
        now: datetime,
        *,
        is_probe: bool,
    ) -> Job | None:
        columns = self.table.c
        order = (columns.attempts, columns.id) if is_probe else (columns.due_at, columns.id)
        first = sa.select(columns.id).where(*conditions).order_by(*order)
        only = first.limit(1).with_for_update(skip_locked=True).scalar_subquery()
        lease = {"leased_until": now + kind.policy.lease, "attempts": columns.attempts + 1}
        leased = sa.update(self.table).where(columns.id == only).values(**lease, is_probe=is_probe)
        row = connection.execute(leased.returning(*columns)).mappings().one_or_none()
        return None if row is None else job_of(row)

    def _release(self, job: Job, reason: str) -> sa.Update:
        released = sa.update(self.table).where(*self._still_leased(job))
        return released.values(leased_until=None, last_error=reason[:LONGEST_REASON])

    def _unlocked(self, rows: sa.Select[tuple[int]]) -> sa.ColumnElement[bool]:
        # Two processes that waited for each other's rows would both fail. A CTE is run once.
        return self.table.c.id.in_(sa.select(rows.with_for_update(skip_locked=True).cte()))

    def _claimable(self, kind: JobKind, now: datetime) -> _Conditions:
        columns = self.table.c
        return (
            columns.kind == kind.name,
            sa.true() if kind.topics is None else columns.topic.in_(list(kind.topics)),
            columns.failed.is_(False),
            sa.or_(
                columns.leased_until.is_(None),
                columns.leased_until <= now,
                columns.leased_until > now + 2 * kind.policy.lease,  # by a clock that was ahead
            ),
        )

    def _is_due(self, kind: JobKind, at: datetime) -> sa.ColumnElement[bool]:
        # What a clock wrote that was ahead does not wait until that time has come.
        columns, policy = self.table.c, kind.policy
        return sa.or_(
            columns.due_at <= at,
            columns.due_at == columns.enqueued_at,  # never tried: due, whenever that was
            columns.due_at > at + policy.longest_delay + policy.lease,
        )

    def _is_in(self, kind: JobKind, lane: Lane) -> sa.ColumnElement[bool]:
        columns = self.table.c
        if not kind.one_per_topic:
            return sa.true()
        if lane is Lane.PROBE:
            return columns.is_probe.is_(True)
        probe = self.table.alias("probe")
        of_kind = (probe.c.kind == kind.name, probe.c.is_probe.is_(True))
        return columns.topic.not_in(sa.select(probe.c.topic).where(*of_kind))

    def _still_leased(self, job: Job) -> _Conditions:
        columns = self.table.c
        return (columns.id == job.number, columns.leased_until == job.leased_until)


def job_of(row: RowMapping) -> Job:
    """Read a row."""
    return Job(**{("number" if name == "id" else name): value for name, value in row.items()})
