"""The sender: decides whether an e-mail that is due is still to be sent, and sends it.

Whether there is an account for an address that a stranger typed is decided here, where no stranger
can measure how long it takes. A link is made here too, a moment before its mail leaves: the token
is in memory and in the mail, never in the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from flask_service.database import database
from flask_service.outbox.jobs import Job, JobKind, Outcome, RetryPolicy
from server1 import audit, clock
from server1.accounts import links, users
from server1.accounts.mail_links import Purpose
from server1.accounts.users import User, UserUnknownError
from server1.audit import Event
from server1.config import config

from . import texts
from .delivery import Deliver
from .errors import UncertainError
from .queue import JOB_KIND, Email, EmailKind


class _SkippedError(Exception):
    """There is no such account, or the e-mail does not concern it any more."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Where an e-mail goes, and the link that was made for it."""

    address: str
    subject: str | None = None
    token: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)
    link_expires_at: datetime | None = None


def email_jobs(deliver: Deliver) -> JobKind:
    """Return the kind of jobs that send e-mails by *deliver*."""
    return JobKind(
        name=JOB_KIND,
        policy=RetryPolicy(
            first_delay=timedelta(minutes=1),
            longest_delay=timedelta(hours=6),
            tried_for=timedelta(days=3),
            lease=timedelta(minutes=2),  # 1 min for the mail server once it is reached
        ),
        run=lambda job: _send(deliver, job),
        describe=lambda job: job.read(Email).address,
        topics=frozenset(EmailKind),
        # The address is of somebody who wanted to be forgotten.
        never_kept=frozenset({EmailKind.ACCOUNT_DELETED}),
    )


def _send(deliver: Deliver, job: Job) -> Outcome:
    email, kind = job.read(Email), EmailKind(job.topic)
    try:
        with database().writing() as connection:
            prepared = _prepare(connection, kind, email, clock.now())
    except _SkippedError:
        return Outcome.SKIPPED
    try:
        message = texts.write(
            kind,
            address=prepared.address,
            asked_at=job.enqueued_at,
            link=prepared.link,
            link_expires_at=prepared.link_expires_at,
        )
        deliver(message)
    except Exception as error:
        if prepared.token is not None and not isinstance(error, UncertainError):
            with database().writing() as connection:  # the link of a mail that did not leave
                links.undo(connection, prepared.token)
        raise
    if prepared.token is not None:
        with database().writing() as connection:
            subject = prepared.subject
            audit.record(connection, Event.LINK_MAILED, subject=subject, detail=job.topic)
    return Outcome.SENT


def _prepare(connection: Connection, kind: EmailKind, email: Email, now: datetime) -> _Prepared:
    match kind:
        case EmailKind.PASSWORD_CHANGED | EmailKind.EMAIL_CHANGED | EmailKind.ACCOUNT_DELETED:
            return _Prepared(email.address)  # though the account may be gone
        case EmailKind.ACCOUNT_EXISTS | EmailKind.APP_ACCESS_ENDED:
            return _Prepared(_account(connection, email).email)
    user, purpose = _account(connection, email), Purpose(kind)  # of the same name
    if kind is EmailKind.VERIFY_EMAIL and user.email_verified:
        raise _SkippedError
    # To the address on file, not to one that a stranger typed and that looks the same.
    address = email.address if kind is EmailKind.CHANGE_EMAIL else user.email
    token = links.make(
        connection,
        purpose=purpose,
        user=user,
        address=address,
        browser_sha256=_trusted_browser(connection, purpose, email, user),
        now=now,
    )
    url = f"{config().issuer}/{purpose}?{token}"  # the host is no request's
    return _Prepared(address, user.subject, token, url, now + purpose.life)


def _trusted_browser(
    connection: Connection, purpose: Purpose, email: Email, user: User
) -> str | None:
    """Return the fingerprint of the requesting browser, if the account was created in it.

    Anybody may ask for one more mail: in the browser of somebody whose address was used by a
    stranger, its link would otherwise confirm the stranger's account, and need no password.
    """
    browser = email.browser_sha256
    if browser is None or email.subject is not None:
        return browser
    return browser if links.was_issued_to(connection, browser, purpose, user) else None


def _account(connection: Connection, email: Email) -> User:
    try:
        if email.subject is not None:
            user = users.by_subject(connection, email.subject)
        else:
            user = users.by_email(connection, email.address)
    except UserUnknownError:
        raise _SkippedError from None
    if user.disabled:
        raise _SkippedError
    return user
