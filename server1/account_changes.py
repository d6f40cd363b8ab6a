"""Account changes that end in a mail: another address, and the end of the account."""

from __future__ import annotations

from sqlalchemy import Connection

from flask_service.outbox import outbox

from . import audit
from .accounts import client_revocation, links, revocation, users
from .accounts.email_addresses import fold
from .accounts.mail_links import Purpose
from .accounts.users import User
from .audit import EndReason, Event
from .mail.queue import JOB_KIND, EmailKind, enqueue


def set_email(connection: Connection, user: User, address: str, *, verified: bool = True) -> None:
    """Give an account another address, and tell the old one.

    Args:
        verified: Whether the address is known to be its owner's. If not, it gets a link.

    Raises:
        EmailAddressError: The address cannot be used.
        UserExistsError: Another account has it. The transaction is to be undone then.
    """
    users.set_email(connection, user, address)
    # The owner is no longer the only one who can open what went to the old address.
    links.revoke(connection, user, Purpose)
    # Services hold the old one; they are entered anew with this one.
    client_revocation.end_at_all_clients(connection, user, EndReason.EMAIL_CHANGED)
    audit.record(connection, Event.EMAIL_CHANGED, subject=user.subject)
    enqueue(connection, EmailKind.EMAIL_CHANGED, address=user.email, subject=user.subject)
    if not verified:
        users.change(connection, user, email_verified=False)
        enqueue(connection, EmailKind.VERIFY_EMAIL, address=address, subject=user.subject)


def delete_account(connection: Connection, user: User, *, detail: str | None = None) -> None:
    """Delete an account with all that belongs to it, and end its sessions everywhere.

    No mail waits any more that is about it or goes to its address, but for the one that says so.

    Args:
        detail: What the audit log keeps.
    """
    revocation.delete_account(connection, user, detail=detail)
    outbox().discard(connection, JOB_KIND, user.subject, fold(user.email))
    enqueue(connection, EmailKind.ACCOUNT_DELETED, address=user.email, subject=user.subject)
