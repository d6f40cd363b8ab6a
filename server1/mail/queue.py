"""The queue: letters that wait to be sent, in the database with what they are about.

A letter is entered in the transaction of the change that it tells of, so that there is never one
without the other. It holds no text and no link: both are made when it is sent.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Column, Connection, Index, Integer, String, Table, insert

from server1.accounts.email_addresses import check_address
from server1.db import Instant, metadata

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


def enqueue(
    connection: Connection,
    kind: Letter,
    *,
    address: str,
    subject: str | None = None,
    browser_sha256: str | None = None,
    now: datetime,
) -> None:
    """Enter a letter, due at once.

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
