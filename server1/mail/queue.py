"""What is kept of an e-mail until it is sent: no text and no link, both are made then."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection

from flask_service.outbox import outbox
from server1 import clock
from server1.accounts.email_addresses import check_address

JOB_KIND = "email"


class EmailKind(StrEnum):
    """What an e-mail is about: the topic of its job."""

    VERIFY_EMAIL = "verify-email"
    ACCOUNT_EXISTS = "account-exists"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of a kind
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    CHANGE_EMAIL = "change-email"
    EMAIL_CHANGED = "email-changed"
    ACCOUNT_DELETED = "account-deleted"
    APP_ACCESS_ENDED = "app-access-ended"


class Email(NamedTuple):
    """The payload of a job: to whom, about whose account, asked for in which browser."""

    address: str
    subject: str | None
    browser_sha256: str | None


def enqueue(
    connection: Connection,
    kind: EmailKind,
    *,
    address: str,
    subject: str | None = None,
    browser_sha256: str | None = None,
) -> None:
    """Enqueue an e-mail in the writing transaction of the event that it reports.

    Where anybody may ask for one, ask for it whether or not there is such an account, without
    *subject*: the sender finds out, and this request takes the same time either way.

    Args:
        address: To whom. An e-mail about an account goes to the address on file, which is found by
            *subject*, else by this one.
        subject: Whose account it is about, where that is known.
        browser_sha256: Kept with the link that is made when the e-mail is sent; without *subject*
            only if it is that of an earlier link as well.

    Raises:
        EmailAddressError: That is not one e-mail address.
        RuntimeError: No writing transaction is open in this thread.
    """
    email = Email(check_address(address), subject, browser_sha256)
    outbox().enqueue(connection, JOB_KIND, kind, email, clock.now())
