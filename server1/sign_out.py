"""Signing out: ends this browser's session, and says afterwards which services know of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import session
from sqlalchemy import Connection

from flask_service.database import database
from flask_service.outbox import outbox

from . import clock, logouts
from .audit import EndReason
from .signed_in import sign_out

SHOWN_FOR = timedelta(minutes=10)
RENEWED_FOR = timedelta(minutes=1)  # how long the page asks again by itself
MOST_NAMED = 20  # services: browsers drop a cookie of more than 4 KiB

_KEY = "signed_out"


class SignOut(NamedTuple):
    """What became of the services of the session that this browser has just signed out of.

    Args:
        entered: Which they were, by ``client_id``.
        others: How many there were beside these.
        waiting: Those that have not confirmed yet.
        failed: Those that are not tried any more.
        at: When it was.
    """

    entered: Sequence[str]
    others: int
    waiting: Collection[str]
    failed: Collection[str]
    at: datetime

    @property
    def is_renewed(self) -> bool:
        """Whether its page is to ask again by itself."""
        return bool(self.waiting) and clock.now() - self.at < RENEWED_FOR


def sign_out_here(
    connection: Connection,
    reason: EndReason = EndReason.SIGNED_OUT,
    client_id: str | None = None,
) -> None:
    """End this browser's session, and have its services notified; nothing waits for that.

    The row is gone then, so the new cookie names what the session entered, until the next sign-in.
    """
    ended = sign_out(connection, reason, client_id)
    if ended:
        client_ids = [one.client_id for one in ended]
        at = int(clock.now().timestamp())
        session[_KEY] = [at, ended[0].sid, client_ids[:MOST_NAMED], len(client_ids[MOST_NAMED:])]


def has_signed_out() -> bool:
    """Tell whether this browser has signed out of services, and not in again since."""
    return _KEY in session


def last_sign_out() -> SignOut | None:
    """Return what became of the sign-out in this browser; None where it was long ago.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    try:
        seconds, sid, client_ids, others = session.get(_KEY, ())
    except ValueError:  # none, or written by another version
        return None
    at = datetime.fromtimestamp(seconds, UTC)
    if clock.now() - at >= SHOWN_FOR:
        return None
    with database().reading() as connection:
        jobs = outbox().waiting(connection, logouts.JOB_KIND, client_ids, sid)
    failed = {job.topic for job in jobs if job.failed}
    return SignOut(client_ids, others, {job.topic for job in jobs} - failed, failed, at)
