"""The queue: letters that wait to be sent, in the database with what they are about.

A letter is entered in the transaction of the change that it tells of, so that there is never one
without the other. It holds no text and no link: both are made when it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, Connection, Index, String, Table
from sqlalchemy.engine import RowMapping

from server1.accounts.email_addresses import check_address
from server1.db import metadata
from server1.parts import parts
from server1.queues import Pace, Queue, number_column, waiting_columns

letters = Table(
    "letters",
    metadata,
    number_column(),
    Column("kind", String(32), nullable=False),
    # No foreign key: an account that was closed still gets its last letter.
    Column("subject", String(64)),
    Column("address", String(254), nullable=False),
    Column("browser_sha256", String(64)),
    *waiting_columns(),
    Index("letters_by_due_at", "given_up", "due_at"),
    sqlite_autoincrement=True,  # a number in the log means one letter for ever
)

_QUEUE = Queue(
    letters,
    Pace(
        first_delay=timedelta(minutes=1),
        longest_delay=timedelta(hours=6),
        tried_for=timedelta(days=3),
        kept_for=timedelta(days=30),
        claimed_for=timedelta(minutes=2),  # 1 min for the mail server once it is reached
    ),
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
        kind: What it says; a ``Letter``, unless a newer version of this server entered it.
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
    kind: str
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
        browser_sha256: Kept with the link that is made when the letter is sent; without *subject*
            only if it is that of an earlier link as well.
        now: When it was asked for.

    Raises:
        EmailAddressError: That is not one e-mail address.
        RuntimeError: No writing transaction is open in this thread.
    """
    _QUEUE.enter(
        connection,
        now,
        kind=kind,
        subject=subject,
        address=check_address(address),
        browser_sha256=browser_sha256,
    )
    parts().database.after_commit(parts().letter_entered.set)


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Tell whether there is a letter to claim; no lock is taken to find out."""
    return _QUEUE.is_any_due(connection, now)


def claim(connection: Connection, now: datetime) -> WaitingLetter | None:
    """Take the letter that is due for the longest time, see ``Queue.claim``."""
    # A kind that only a newer version knows is left for that one: it would keep all others.
    row = _QUEUE.claim(connection, now, letters.c.kind.in_(list(Letter)))
    return None if row is None else _from_row(row)


def remove(connection: Connection, letter: WaitingLetter) -> None:
    """Remove a claimed letter: it was sent, or there is nobody to send it to."""
    _QUEUE.remove(connection, letter)


def put_off(connection: Connection, letter: WaitingLetter, reason: str, now: datetime) -> None:
    """Try a claimed letter again later; the more often it was tried, the later."""
    _QUEUE.put_off(connection, letter, reason, now)


def is_to_be_given_up(letter: WaitingLetter, now: datetime) -> bool:
    """Tell whether a claimed letter has been tried for long enough."""
    return _QUEUE.is_to_be_given_up(letter, now)


def give_up(connection: Connection, letter: WaitingLetter, reason: str) -> None:
    """Try a claimed letter no more, and keep it where an operator sees it."""
    _QUEUE.give_up(connection, letter, reason)


def retry(connection: Connection, number: int, now: datetime) -> WaitingLetter:
    """Make a letter due now, also one that was given up.

    Raises:
        LetterUnknownError: There is none of this number.
    """
    for row in _QUEUE.make_due(connection, now, number):
        return _from_row(row)
    raise LetterUnknownError(f"There is no letter {number}. It may have been sent.")


def retry_all(connection: Connection, now: datetime) -> Sequence[WaitingLetter]:
    """Make all letters due now, also those that were given up."""
    return [_from_row(row) for row in _QUEUE.make_due(connection, now)]


def waiting(connection: Connection) -> Sequence[WaitingLetter]:
    """Return all letters, in the order in which they were asked for."""
    return [_from_row(row) for row in _QUEUE.rows(connection)]


def sweep(connection: Connection, now: datetime) -> Sequence[int]:
    """Remove a few letters that were given up long ago, and return their numbers."""
    return _QUEUE.sweep(connection, now)


def _from_row(row: RowMapping) -> WaitingLetter:
    same = {name: row[name] for name in WaitingLetter.__dataclass_fields__ if name in row}
    return WaitingLetter(number=row["id"], **same)
