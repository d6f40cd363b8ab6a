"""Ended: what could act for an account lately, ended before its time, and why.

It is read from the audit log, where each is recorded with its reason as it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from server1.audit import EndReason, Event, audit

SHOWN_FOR = timedelta(days=30)
ALARM_SHOWN_FOR = timedelta(days=14)
MOST_SHOWN = 10


class Ended(NamedTuple):
    """A session here, one at a client, the access of an app, or a consent."""

    event: str  # a value of ``Event``
    reason: str  # a value of ``EndReason``
    at: datetime
    client_id: str | None
    detail: str | None

    @property
    def device(self) -> str | None:
        """The browser of a session here."""
        is_session = self.event == Event.SESSION_ENDED.value
        return (self.detail or "").partition(", ")[2] if is_session else None


def ended_lately(connection: sa.Connection, subject: str, now: datetime) -> Sequence[Ended]:
    """Return what ended of an account within 30 days, the newest first, ten at most."""
    return _find(connection, subject, now - SHOWN_FOR, audit.c.reason.is_not(None))


def alarms(connection: sa.Connection, subject: str, now: datetime) -> Sequence[Ended]:
    """Return which access was ended within 14 days because somebody may have a copy of its key."""
    reused = audit.c.reason == EndReason.TOKEN_REUSED.value
    return _find(connection, subject, now - ALARM_SHOWN_FOR, reused)


def _find(
    connection: sa.Connection, subject: str, since: datetime, which: sa.ColumnElement[bool]
) -> Sequence[Ended]:
    columns = [audit.c[name] for name in Ended._fields]
    query = (
        sa.select(*columns)
        .where(audit.c.subject == subject, audit.c.at > since, which)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(MOST_SHOWN)
    )
    return [Ended(*row) for row in connection.execute(query)]
