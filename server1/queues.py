"""Queues: rows of the database that wait to be worked off, by one of any number of processes.

A row is entered in the transaction of the change that it tells of, so that there is never one
without the other. Whoever claims it has it for a while to themselves; who dies meanwhile loses
nothing. What fails is tried again, later each time, and in the end kept for somebody to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import RowMapping

from flask_service.database import Instant

SWEPT_AT_ONCE = 20  # rows
LONGEST_REASON = 200  # characters


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long what fails is tried again.

    Args:
        first_delay: After the first failure; doubled after each further one.
        longest_delay: Between two attempts.
        tried_for: Then it is given up, and kept for somebody to look at.
        kept_for: After it was entered, when it was given up.
        claimed_for: A little longer than an attempt takes: who claimed it and did not end, died,
            and it waits that long for the next one. Clocks of two machines may differ by as much.
    """

    first_delay: timedelta
    longest_delay: timedelta
    tried_for: timedelta
    kept_for: timedelta
    claimed_for: timedelta


class Waiting(Protocol):
    """What has to be known of a row, beside what is to be done."""

    @property
    def number(self) -> int:
        """Its own for ever."""

    @property
    def enqueued_at(self) -> datetime:
        """When it was entered."""

    @property
    def due_at(self) -> datetime:
        """When it is tried next."""

    @property
    def attempts(self) -> int:
        """How often it was tried, this time included."""

    @property
    def claimed_until(self) -> datetime | None:
        """Until when whoever tries it now has it to themselves."""

    @property
    def given_up(self) -> bool:
        """Whether it is not tried any more."""


def number_column() -> Column[int]:
    """Describe the column of numbers; on SQLite the table needs ``sqlite_autoincrement=True``."""
    return Column("id", Integer, primary_key=True)


def waiting_columns() -> Sequence[Column[Any]]:
    """Describe the other columns that a queue has, beside those that say what is to be done."""
    return (
        Column("enqueued_at", Instant, nullable=False),
        Column("due_at", Instant, nullable=False),
        Column("attempts", Integer, nullable=False),
        # Our own words, or numbers: nothing that another server or a stranger wrote.
        Column("last_error", String(LONGEST_REASON)),
        Column("claimed_until", Instant),
        Column("given_up", Boolean, nullable=False),
    )


class Queue:
    """One table's rows in their order.

    Args:
        table: With the columns above, and an index of ``given_up`` and ``due_at``.
        pace: How often and how long what fails is tried again.
    """

    def __init__(self, table: Table, pace: Pace) -> None:
        self._table = table
        self._pace = pace

    def enter(self, connection: Connection, now: datetime, **what: object) -> None:
        """Enter a row, due at once.

        Args:
            connection: Of the writing transaction that does what the row tells of.
            now: When it was entered.
            what: The values of the table's own columns.
        """
        connection.execute(
            insert(self._table).values(
                **what, enqueued_at=now, due_at=now, attempts=0, given_up=False
            )
        )

    def is_any_due(self, connection: Connection, now: datetime) -> bool:
        """Tell whether there is a row to claim; no lock is taken to find out."""
        query = select(self._table.c.id).where(*self._due(now)).limit(1)
        return connection.execute(query).one_or_none() is not None

    def claim(
        self, connection: Connection, now: datetime, *which: ColumnElement[bool]
    ) -> RowMapping | None:
        """Take the row that is due for the longest time. Of any number that ask, one gets it.

        Whoever gets it calls ``remove``, ``put_off`` or ``give_up``, or it is due again when its
        claim is over.

        Args:
            connection: Of a writing transaction.
            now: The present time.
            which: What else has to hold for the row.

        Returns:
            None when none is due.
        """
        columns = self._table.c
        next_one = (
            select(columns.id)
            .where(*self._due(now), *which)
            .order_by(columns.due_at, columns.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        claimed = (
            update(self._table)
            .where(columns.id == next_one.scalar_subquery())
            .values(claimed_until=now + self._pace.claimed_for, attempts=columns.attempts + 1)
            .returning(*columns)
        )
        return connection.execute(claimed).mappings().one_or_none()

    def remove(self, connection: Connection, claimed: Waiting) -> None:
        """Remove a claimed row: it is done, or there is nothing to do."""
        connection.execute(delete(self._table).where(*self._still(claimed)))

    def put_off(
        self, connection: Connection, claimed: Waiting, reason: str, now: datetime
    ) -> datetime:
        """Try a claimed row again later; the more often it was tried, the later.

        Returns:
            When.
        """
        doublings: int = 2 ** min(claimed.attempts - 1, 20)
        due_at = now + min(self._pace.first_delay * doublings, self._pace.longest_delay)
        connection.execute(
            update(self._table)
            .where(*self._still(claimed))
            .values(claimed_until=None, due_at=due_at, last_error=reason[:LONGEST_REASON])
        )
        return due_at

    def is_to_be_given_up(self, claimed: Waiting, now: datetime) -> bool:
        """Tell whether a claimed row has been tried for long enough."""
        return now - claimed.enqueued_at >= self._pace.tried_for

    def give_up(self, connection: Connection, claimed: Waiting, reason: str) -> None:
        """Try a claimed row no more, and keep it where an operator sees it."""
        connection.execute(
            update(self._table)
            .where(*self._still(claimed))
            .values(claimed_until=None, given_up=True, last_error=reason[:LONGEST_REASON])
        )

    def make_due(
        self, connection: Connection, now: datetime, number: int | None = None
    ) -> Sequence[RowMapping]:
        """Make one row due now, or all of them, also those that were given up.

        Returns:
            The rows; none where there is none of this number.
        """
        # A claim is left alone: whoever tries the row at this moment goes on doing so.
        due = update(self._table).values(due_at=now, attempts=0, given_up=False)
        if number is not None:
            due = due.where(self._table.c.id == number)
        return connection.execute(due.returning(*self._table.c)).mappings().all()

    def rows(self, connection: Connection) -> Sequence[RowMapping]:
        """Return all rows, in the order in which they were entered."""
        query = select(self._table).order_by(self._table.c.id)
        return connection.execute(query).mappings().all()

    def sweep(self, connection: Connection, now: datetime) -> Sequence[int]:
        """Remove a few rows that were given up long ago, and return their numbers."""
        columns = self._table.c
        forgotten = (
            select(columns.id)
            .where(columns.given_up, columns.enqueued_at <= now - self._pace.kept_for)
            .limit(SWEPT_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        removed = delete(self._table).where(columns.id.in_(forgotten)).returning(columns.id)
        return sorted(connection.execute(removed).scalars())

    def is_due(self, at: datetime) -> ColumnElement[bool]:
        """Describe the rows whose time has come, claimed or not.

        A clock that was ahead for a while, and is put right, makes no row wait until it is there.
        """
        due_at, pace = self._table.c.due_at, self._pace
        return or_(
            due_at <= at,
            due_at == self._table.c.enqueued_at,  # never put off: due at once, whenever that was
            due_at > at + pace.longest_delay + pace.claimed_for,
        )

    def _due(self, now: datetime) -> Sequence[ColumnElement[bool]]:
        columns, claimed_for = self._table.c, self._pace.claimed_for
        return (
            columns.given_up.is_(False),
            self.is_due(now),
            or_(
                columns.claimed_until.is_(None),
                columns.claimed_until <= now,
                columns.claimed_until > now + 2 * claimed_for,  # by a clock that was ahead
            ),
        )

    def _still(self, claimed: Waiting) -> Sequence[ColumnElement[bool]]:
        # Whoever was so slow that another has claimed it meanwhile has no say in it any more.
        columns = self._table.c
        return (columns.id == claimed.number, columns.claimed_until == claimed.claimed_until)
