"""Mails that did not arrive, for the page of the person they were for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from flask_service.outbox import outbox
from flask_service.outbox.jobs import JobError
from server1.accounts import links
from server1.accounts.mail_links import Purpose
from server1.accounts.users import User

from .queue import JOB_KIND, Email, EmailKind

SHOWN_FOR = timedelta(days=14)


class Undelivered(NamedTuple):
    """A mail that did not leave, or was refused.

    Args:
        tried_on: Whether it is tried again.
        at: When it was asked for.
    """

    address: str
    is_new_address: bool
    tried_on: bool
    at: datetime


def undelivered_to(connection: Connection, user: User, now: datetime) -> Sequence[Undelivered]:
    """Return the newest mail to each address of an account, where it did not arrive.

    These are the address on file and one that is to take its place. A link that left since then
    says that mails arrive again.
    """
    found: dict[str, Undelivered] = {}
    for job in outbox().waiting(connection, JOB_KIND, list(EmailKind), user.subject):
        with suppress(JobError):  # another version's
            email, is_new = job.read(Email), job.topic == EmailKind.CHANGE_EMAIL
            # After a link's life a new one has to be asked for anyway.
            shown_for = Purpose.CHANGE_EMAIL.life if is_new else SHOWN_FOR
            if (
                job.last_error is not None
                and (is_new or email.address.lower() == user.email.lower())
                and now - job.enqueued_at < shown_for
                and not links.was_made_since(connection, user, email.address, job.enqueued_at)
            ):
                tried_on, at = not job.failed, job.enqueued_at
                found[email.address] = Undelivered(email.address, is_new, tried_on, at)
    return [*found.values()]
