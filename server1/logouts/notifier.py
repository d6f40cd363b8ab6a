"""The notifier: tells one client that sessions have ended. No request waits for it."""

from __future__ import annotations

from datetime import timedelta

from flask_handoff.errors import LogoutNotDeliveredError
from flask_service.jobs import Job, JobError, JobKind, Outcome, RetryPolicy

from .issuer import handoff
from .queue import JOB_KIND, Logout

NEW_SIGN_INS_SPARED = timedelta(minutes=1)
"""How long before a logout of a whole account its sessions at the services go on."""


def _notify(job: Job) -> Outcome:
    logout = job.read(Logout)
    registered = {client.client_id: client for client in handoff.clients()}
    client = registered.get(job.topic)
    if client is None or client.backchannel_logout_uri is None:
        return Outcome.SKIPPED
    ended_at = job.enqueued_at
    if logout.sid is None:
        # Sessions that were still there are named; the others have been idle for much longer.
        # Meanwhile somebody may have signed in anew, perhaps at a machine whose clock is behind.
        ended_at -= NEW_SIGN_INS_SPARED
    try:
        handoff.send_logout(
            client, ended_at=ended_at, session_id=logout.sid, subject=logout.subject
        )
    except LogoutNotDeliveredError as error:
        raise JobError(str(error)) from None
    return Outcome.SENT


def _describe(job: Job) -> str:
    logout = job.read(Logout)
    return f"account {logout.subject}, {f'session {logout.sid}' if logout.sid else 'all sessions'}"


# A session that outlives its end is a door left open, so the first tries follow quickly.
LOGOUTS = JobKind(
    name=JOB_KIND,
    policy=RetryPolicy(
        first_delay=timedelta(seconds=5),
        longest_delay=timedelta(hours=1),
        tried_for=timedelta(days=1),
        kept_for=timedelta(days=30),
        lease=timedelta(seconds=12),  # 5 s for the answer, 5 s for the database
    ),
    run=_notify,
    describe=_describe,
    one_per_topic=True,
    threads=3,  # services that hang at the same time, and hold nobody up but each other
    grace=timedelta(milliseconds=20),
)
