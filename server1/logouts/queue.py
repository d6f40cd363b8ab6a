"""The queue of log-outs: which client is still to be told that which sessions have ended.

A log-out is entered in the transaction that ends the sessions, so that there is never one without
the other: a restart, or a service that is down for a while, loses none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Index, String, Table, update
from sqlalchemy.engine import RowMapping

from server1.db import metadata
from server1.parts import parts
from server1.queues import Pace, Queue, number_column, waiting_columns

logouts = Table(
    "logouts",
    metadata,
    number_column(),
    Column("client_id", String(128), nullable=False),
    # No foreign keys: the session is gone when its end is told, and perhaps the account.
    Column("sid", String(64)),
    Column("subject", String(64), nullable=False),
    *waiting_columns(),
    Index("logouts_by_due_at", "given_up", "due_at"),
    Index("logouts_by_client_id", "client_id"),
    sqlite_autoincrement=True,
)

# A session that outlives its end is a door left open, so the first attempts follow quickly.
_QUEUE = Queue(
    logouts,
    Pace(
        first_delay=timedelta(seconds=5),
        longest_delay=timedelta(hours=1),
        tried_for=timedelta(days=1),
        kept_for=timedelta(days=30),
        claimed_for=timedelta(seconds=12),  # 5 s for the answer, 5 s for the database
    ),
)


class LogoutUnknownError(LookupError):
    """There is no such log-out: it was told, or never was."""


@dataclass(frozen=True, slots=True)
class WaitingLogout:
    """A log-out that is to be told to one client.

    Args:
        number: Its own for ever.
        client_id: Who is to be told.
        sid: The session that ended; None for all of the account's that began until then.
        subject: Whose sessions they were.
        enqueued_at: When they ended.
        due_at: When it is tried next.
        attempts: How often it was tried.
        last_error: Why the client does not know yet, in our own words.
        claimed_until: Until when whoever tries it now has it to themselves.
        given_up: Whether it is not tried any more.
    """

    number: int
    client_id: str
    sid: str | None
    subject: str
    enqueued_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None
    claimed_until: datetime | None
    given_up: bool


def enqueue(
    connection: Connection, client_id: str, *, subject: str, sid: str | None, now: datetime
) -> None:
    """Enter a log-out, due at once; this process looks for it when the transaction is committed.

    Args:
        connection: Of the writing transaction that ends the sessions.
        client_id: Who is to be told.
        subject: Whose sessions end.
        sid: The session that ends; None for all of the account's.
        now: When they end.

    Raises:
        RuntimeError: No writing transaction is open in this thread.
    """
    _QUEUE.enter(connection, now, client_id=client_id, sid=sid, subject=subject)
    parts().database.after_commit(parts().logout_entered.ring)


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Tell whether there is a log-out to claim; no lock is taken to find out."""
    return _QUEUE.is_any_due(connection, now)


def claim(
    connection: Connection, now: datetime, *, but_for: Collection[str] = ()
) -> WaitingLogout | None:
    """Take the log-out that is due for the longest time, see ``Queue.claim``.

    A claim holds back its own log-out only: whoever made it may be dead.

    Args:
        connection: Of a writing transaction.
        now: The present time.
        but_for: Clients whose log-outs are left alone.
    """
    row = _QUEUE.claim(connection, now, logouts.c.client_id.not_in(but_for))
    return None if row is None else _from_row(row)


def remove(connection: Connection, logout: WaitingLogout) -> None:
    """Remove a claimed log-out: the client knows, or is not to be told."""
    _QUEUE.remove(connection, logout)


def put_off(connection: Connection, logout: WaitingLogout, reason: str, now: datetime) -> None:
    """Try a claimed log-out again later, and not before it any other that its client waits for now.

    One that is entered after that is tried at once: so a client that is back is soon found to be.
    """
    due_at = _QUEUE.put_off(connection, logout, reason, now)
    connection.execute(
        update(logouts)
        .where(
            logouts.c.client_id == logout.client_id,
            logouts.c.given_up.is_(False),
            _QUEUE.is_due(due_at),
        )
        .values(due_at=due_at)
    )


def is_to_be_given_up(logout: WaitingLogout, now: datetime) -> bool:
    """Tell whether a claimed log-out has been tried for long enough."""
    return _QUEUE.is_to_be_given_up(logout, now)


def give_up(connection: Connection, logout: WaitingLogout, reason: str) -> None:
    """Try a claimed log-out no more, and keep it where an operator sees it."""
    _QUEUE.give_up(connection, logout, reason)


def retry(connection: Connection, number: int, now: datetime) -> WaitingLogout:
    """Make a log-out due now, also one that was given up.

    Raises:
        LogoutUnknownError: There is none of this number.
    """
    for row in _QUEUE.make_due(connection, now, number):
        return _from_row(row)
    raise LogoutUnknownError(f"There is no log-out {number}. It may have been told.")


def retry_all(connection: Connection, now: datetime) -> Sequence[WaitingLogout]:
    """Make all log-outs due now, also those that were given up."""
    return [_from_row(row) for row in _QUEUE.make_due(connection, now)]


def waiting(connection: Connection) -> Sequence[WaitingLogout]:
    """Return all log-outs, in the order in which they happened."""
    return [_from_row(row) for row in _QUEUE.rows(connection)]


def sweep(connection: Connection, now: datetime) -> Sequence[int]:
    """Remove a few log-outs that were given up long ago, and return their numbers."""
    return _QUEUE.sweep(connection, now)


def _from_row(row: RowMapping) -> WaitingLogout:
    same = {name: row[name] for name in WaitingLogout.__dataclass_fields__ if name in row}
    return WaitingLogout(**{**same, "number": row["id"]})
