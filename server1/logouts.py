"""Logouts: clients are notified when a session that entered them ends. No request waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from flask_handoff import Client, DependencyUnavailableError, HandoffIssuer
from flask_handoff.errors import ClientUnknownError, LogoutNotDeliveredError
from flask_service.outbox import outbox
from flask_service.outbox.jobs import Job, JobError, JobKind, Outcome, RetryPolicy

from . import clock

JOB_KIND = "logout"
NEW_SIGN_INS_SPARED = timedelta(minutes=1)
"""How long before a logout of a whole account its sessions at the services stay open."""


class Logout(NamedTuple):
    """The payload of a job, whose topic is the client."""

    subject: str  # whose sessions ended
    sid: str | None  # the session that ended; None: all of the account's that began until then
    valid_after: str | None = None  # the second from which on it may enter again; None: never


def ended(subject: str, sid: str, valid_after: datetime | None) -> Logout:
    """Describe a session that ends at a client; with an instant it may enter there again."""
    return Logout(subject, sid, None if valid_after is None else str(int(valid_after.timestamp())))


def enqueue(connection: Connection, client_id: str, *, subject: str, sid: str | None) -> None:
    """Enqueue the notification of a client, in the writing transaction that ends the sessions."""
    enqueue_all(connection, client_id, [Logout(subject, sid)])


def enqueue_all(connection: Connection, client_id: str, ended: Iterable[Logout]) -> None:
    """Enqueue several notifications of one client at once, see ``enqueue``."""
    outbox().enqueue_all(connection, JOB_KIND, client_id, ended, clock.now())


def logout_jobs(issuer: HandoffIssuer, find_client: Callable[[str], Client]) -> JobKind:
    """Return the kind of jobs that notify the clients of an issuer.

    A session that stays open at a service is a risk. One that was away has ended what it missed
    within ten seconds of answering again: a try takes up to 5 s, and the next follows 3 s later.

    Args:
        find_client: Returns a client, also one that is disabled: its sessions end as well.
    """
    return JobKind(
        name=JOB_KIND,
        policy=RetryPolicy(
            first_delay=timedelta(seconds=3),
            longest_delay=timedelta(seconds=3),
            tried_for=timedelta(days=1),
            # Little longer than a try: what a killed process began is begun again in these seconds.
            # Where the database is slow, a service may be notified twice, which does no harm.
            lease=timedelta(seconds=8),
        ),
        run=lambda job: _notify(issuer, find_client, job),
        describe=_describe,
        one_per_topic=True,
        threads=12,  # so many services may hang at once, and no other waits for them
        grace=timedelta(milliseconds=20),
        look_every=timedelta(milliseconds=500),
    )


def _notify(issuer: HandoffIssuer, find_client: Callable[[str], Client], job: Job) -> Outcome:
    logout = job.read(Logout)
    try:
        client = find_client(job.topic)
    except ClientUnknownError:
        return Outcome.SKIPPED
    except DependencyUnavailableError as error:
        raise JobError(str(error)) from None
    if client.backchannel_logout_uri is None:
        return Outcome.SKIPPED
    ended_at = job.enqueued_at
    if logout.sid is None:
        # Sessions that were still there are named; the others have been idle for much longer.
        # Meanwhile somebody may have signed in again, perhaps at a machine whose clock is behind.
        ended_at -= NEW_SIGN_INS_SPARED
    try:
        issuer.send_logout(
            client,
            ended_at=ended_at,
            session_id=logout.sid,
            subject=logout.subject,
            valid_after=_instant(logout.valid_after),
        )
    except LogoutNotDeliveredError as error:
        raise JobError(str(error)) from None
    return Outcome.SENT


def _instant(second: str | None) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(int(second), UTC)


def _describe(job: Job) -> str:
    logout = job.read(Logout)
    return f"account {logout.subject}, {f'session {logout.sid}' if logout.sid else 'all sessions'}"
