"""Revocation notices: the APIs of clients are told which access tokens are dead.

A notice waits in the outbox, as a logout does, and is enqueued with the cut that it tells of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from flask import Flask, current_app
from sqlalchemy import Connection

from flask_handoff import Client, DependencyUnavailableError, HandoffIssuer
from flask_handoff.claims import Revocation
from flask_handoff.errors import ClientUnknownError, RevocationNotDeliveredError
from flask_service.database import database
from flask_service.outbox import outbox
from flask_service.outbox.jobs import Job, JobError, JobKind, Outcome, RetryPolicy

from . import clock

JOB_KIND = "revocation"
ACCEPTED_AHEAD = timedelta(seconds=10)  # as ``HandoffIssuer.send_revocation`` says

_EXTENSION = "server1.revocation_notices"


class Notice(NamedTuple):
    """The payload of a job, whose topic is the client."""

    claim: str  # what is named: jti, family_id, sid, sub, client_id; empty for everything
    name: str
    second: str  # since when what was issued counts; of one token, when it expires
    told: str = ""  # "1": its date is of a clock that was ahead, and what is older was told

    @property
    def dated(self) -> datetime:
        """The instant of that second."""
        return datetime.fromtimestamp(int(self.second), UTC)

    def revocation(self) -> Revocation:
        """Return what the API is told."""
        named = {self.claim: self.name}
        is_token = self.claim == "jti"
        return Revocation(
            jwt_id=named.get("jti"),
            family_id=named.get("family_id"),
            session_id=named.get("sid"),
            subject=named.get("sub"),
            client_id=named.get("client_id"),
            expires_at=self.dated if is_token else None,
            valid_after=None if is_token else self.dated,
        )


def init_app(app: Flask, clients: Callable[[], Iterable[Client]]) -> None:
    """Have the application notify those of *clients* that have an address for it."""
    app.extensions[_EXTENSION] = clients


def enqueue(
    connection: Connection,
    claim: str,
    names: Iterable[str],
    dated: datetime,
    *,
    audience: str | None = None,
) -> None:
    """Enqueue notices, in the writing transaction of the cut.

    Args:
        claim, names: What is named by each notice; an empty claim and one empty name: everything.
        dated: See ``Notice``.
        audience: The API that one token was for; None for all of them.
    """
    clients = cast(Callable[[], Iterable[Client]], current_app.extensions[_EXTENSION])
    notices = [Notice(claim, name, str(int(dated.timestamp()))) for name in names]
    for client in clients() if notices else ():
        if client.revocation_uri is not None and audience in (None, client.resource):
            now = clock.now()
            outbox().enqueue_all(connection, JOB_KIND, client.client_id, notices, now)


def revocation_jobs(issuer: HandoffIssuer, find_client: Callable[[str], Client]) -> JobKind:
    """Return the kind of jobs that notify APIs, as often as logouts are tried.

    What a command enqueues is looked for four times a second: with the half second after which
    the processes of an API read what is new, a token is refused everywhere within a second.

    Args:
        find_client: As for ``logouts.logout_jobs``.
    """
    return JobKind(
        name=JOB_KIND,
        policy=RetryPolicy(
            first_delay=timedelta(seconds=3),
            longest_delay=timedelta(seconds=3),
            # Until everything that was issued before has expired at the API by itself.
            tried_for=timedelta(minutes=15),
            lease=timedelta(seconds=8),
        ),
        run=lambda job: _notify(issuer, find_client, job),
        describe=_describe,
        one_per_topic=True,
        threads=12,  # as for logouts: APIs that hang
        grace=timedelta(milliseconds=20),
        look_every=timedelta(milliseconds=250),
    )


def _notify(issuer: HandoffIssuer, find_client: Callable[[str], Client], job: Job) -> Outcome:
    notice = job.read(Notice)
    try:
        client = find_client(job.topic)
    except ClientUnknownError:
        return Outcome.SKIPPED
    except DependencyUnavailableError as error:
        raise JobError(str(error)) from None
    is_over = notice.claim == "jti" and notice.dated <= clock.now()
    if client.revocation_uri is None or is_over:
        return Outcome.SKIPPED
    told, now = notice.revocation(), clock.now()
    is_ahead = told.valid_after is not None and told.valid_after > now + ACCEPTED_AHEAD
    if is_ahead and notice.told:
        raise JobError("its date has yet to come: that of a clock that was ahead")
    if is_ahead:
        told = replace(told, valid_after=now.replace(microsecond=0) + timedelta(seconds=1))
    try:
        issuer.send_revocation(client, told)
    except RevocationNotDeliveredError as error:
        raise JobError(str(error)) from None
    if is_ahead:  # what that clock has dated lives when its time comes: it is told again then
        with database().writing() as connection:
            again = notice._replace(told="1")
            outbox().enqueue(connection, JOB_KIND, job.topic, again, notice.dated)
    return Outcome.SENT


def _describe(job: Job) -> str:
    notice = job.read(Notice)
    return f"tokens of {notice.claim} {notice.name}" if notice.claim else "all tokens"
