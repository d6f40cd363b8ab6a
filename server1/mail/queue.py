"""The queue: letters that wait to be sent, in the database with what they are about.

A letter is entered in the transaction of the change that it tells of, so that there is never one
without the other. It holds no text and no link: both are made when it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
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
from sqlalchemy.sql.dml import ReturningUpdate

from server1.accounts.email_addresses import check_address
from server1.db import Instant, metadata
from server1.parts import parts

FIRST_DELAY = timedelta(minutes=1)  # after the first failure; doubled after each further one
LONGEST_DELAY = timedelta(hours=6)
TRIED_FOR = timedelta(days=3)  # then it is given up, and kept for somebody to look at
KEPT_FOR = timedelta(days=30)  # after it was entered, when it was given up
CLAIMED_FOR = timedelta(minutes=5)  # longer than any attempt: who claimed it and did not end, died
SWEPT_AT_ONCE = 20  # rows
LONGEST_REASON = 200  # characters

letters = Table(
    "letters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    # No foreign key: an account that was closed still gets its last letter.
    Column("subject", String(64)),
    Column("address", String(254), nullable=False),
    Column("browser_sha256", String(64)),
    Column("enqueued_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Our own words, or a number of the mail server's: nothing that it or a stranger wrote.
    Column("last_error", String(LONGEST_REASON)),
    Column("claimed_until", Instant),
    Column("given_up", Boolean, nullable=False),
    Index("letters_by_due_at", "given_up", "due_at"),
    sqlite_autoincrement=True,  # a number in the log means one letter for ever
)


class Letter(StrEnum):
    """The kinds of letters."""

    VERIFY_EMAIL = "verify-email"
    ACCOUNT_EXISTS = "account-exists"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of a letter
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    CHANGE_EMAIL = "change-email"
    EMAIL_CHANGED = "email-changed"
    ACCOUNT_CLOSED = "account-closed"


class LetterUnknownError(LookupError):
    """There is no such letter: it was sent, or never was."""


@dataclass(frozen=True, slots=True)
class WaitingLetter:
    """A letter in the queue.

    Args:
        number: Its own for ever.
        kind: What it says.
        subject: Whose account it is about, where that was known.
        address: To whom, as it was asked for.
        browser_sha256: The browser that asked for it, if that matters.
        enqueued_at: When it was asked for.
        due_at: When it is tried next.
        attempts: How often it was tried.
        last_error: Why it did not leave, in our own words.
        claimed_until: Until when whoever tries it now has it to themselves.
        given_up: Whether it is not tried any more.
    """

    number: int
    kind: Letter
    subject: str | None
    address: str
    browser_sha256: str | None
    enqueued_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None
    claimed_until: datetime | None
    given_up: bool


def enqueue(
    connection: Connection,
    kind: Letter,
    *,
    address: str,
    subject: str | None = None,
    browser_sha256: str | None = None,
    now: datetime,
) -> None:
    """Enter a letter, due at once; this process looks for it when the transaction is committed.

    Where anybody may ask for one, ask for it whether or not there is such an account, without
    *subject*: whoever sends it finds out, and this request took the same time either way.

    Args:
        connection: Of the writing transaction that does what the letter tells of.
        kind: What it says.
        address: To whom. A letter about an account goes to the address on file, which is found by
            *subject*, else by this one.
        subject: Whose account it is about, where that is known.
        browser_sha256: Kept with the link that is made when the letter is sent.
        now: When it was asked for.

    Raises:
        EmailAddressError: That is not one e-mail address.
        RuntimeError: No writing transaction is open in this thread.
    """
    connection.execute(
        insert(letters).values(
            kind=kind,
            subject=subject,
            address=check_address(address),
            browser_sha256=browser_sha256,
            enqueued_at=now,
            due_at=now,
            attempts=0,
            given_up=False,
        )
    )
    parts().database.after_commit(parts().letter_entered.set)


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Tell whether there is a letter to claim; no lock is taken to find out."""
    query = select(letters.c.id).where(*_due(now)).limit(1)
    return connection.execute(query).one_or_none() is not None


def claim(connection: Connection, now: datetime) -> WaitingLetter | None:
    """Take the letter that is due for the longest time. Of any number that ask, one gets it.

    Whoever gets it calls ``remove``, ``put_off`` or ``give_up``, or it is due again when
    CLAIMED_FOR has passed.

    Returns:
        None when none is due.
    """
    next_one = (
        select(letters.c.id)
        .where(*_due(now))
        .order_by(letters.c.due_at, letters.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(letters)
        .where(letters.c.id == next_one.scalar_subquery())
        .values(claimed_until=now + CLAIMED_FOR, attempts=letters.c.attempts + 1)
        .returning(*letters.c)
    )
    row = connection.execute(claimed).mappings().one_or_none()
    return None if row is None else _from_row(row)


def remove(connection: Connection, letter: WaitingLetter) -> None:
    """Remove a claimed letter: it was sent, or there is nobody to send it to."""
    connection.execute(delete(letters).where(*_still_claimed(letter)))


def put_off(connection: Connection, letter: WaitingLetter, reason: str, now: datetime) -> None:
    """Try a claimed letter again later; the more often it was tried, the later."""
    delay = min(FIRST_DELAY * 2 ** min(letter.attempts - 1, 20), LONGEST_DELAY)
    connection.execute(
        update(letters)
        .where(*_still_claimed(letter))
        .values(claimed_until=None, due_at=now + delay, last_error=reason[:LONGEST_REASON])
    )


def give_up(connection: Connection, letter: WaitingLetter, reason: str) -> None:
    """Try a claimed letter no more, and keep it where an operator sees it."""
    connection.execute(
        update(letters)
        .where(*_still_claimed(letter))
        .values(claimed_until=None, given_up=True, last_error=reason[:LONGEST_REASON])
    )


def retry(connection: Connection, number: int, now: datetime) -> WaitingLetter:
    """Make a letter due now, also one that was given up.

    Raises:
        LetterUnknownError: There is none of this number.
    """
    row = connection.execute(_due_now(now).where(letters.c.id == number)).mappings().one_or_none()
    if row is None:
        raise LetterUnknownError(f"There is no letter {number}. It may have been sent.")
    return _from_row(row)


def retry_all(connection: Connection, now: datetime) -> Sequence[WaitingLetter]:
    """Make all letters due now, also those that were given up."""
    return [_from_row(row) for row in connection.execute(_due_now(now)).mappings()]


def waiting(connection: Connection) -> Sequence[WaitingLetter]:
    """Return all letters, in the order in which they were asked for."""
    rows = connection.execute(select(letters).order_by(letters.c.id)).mappings()
    return [_from_row(row) for row in rows]


def sweep(connection: Connection, now: datetime) -> Sequence[int]:
    """Remove a few letters that were given up long ago, and return their numbers."""
    forgotten = (
        select(letters.c.id)
        .where(letters.c.given_up, letters.c.enqueued_at <= now - KEPT_FOR)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    removed = delete(letters).where(letters.c.id.in_(forgotten)).returning(letters.c.id)
    return sorted(connection.execute(removed).scalars())


def _due(now: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        letters.c.given_up.is_(False),
        letters.c.due_at <= now,
        or_(letters.c.claimed_until.is_(None), letters.c.claimed_until <= now),
    )


def _still_claimed(letter: WaitingLetter) -> Sequence[ColumnElement[bool]]:
    # Whoever was so slow that another has claimed it meanwhile has no say in it any more.
    return (letters.c.id == letter.number, letters.c.claimed_until == letter.claimed_until)


def _due_now(now: datetime) -> ReturningUpdate[Any]:
    # A claim is left alone: whoever tries the letter at this moment goes on doing so.
    return update(letters).values(due_at=now, attempts=0, given_up=False).returning(*letters.c)


def _from_row(row: RowMapping) -> WaitingLetter:
    same = {name: row[name] for name in WaitingLetter.__dataclass_fields__ if name in row}
    return WaitingLetter(**{**same, "number": row["id"], "kind": Letter(row["kind"])})
