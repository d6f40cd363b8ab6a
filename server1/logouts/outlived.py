"""Outlived sessions: ours are over, and those at the services that they led to may go on.

A session that ends by its time ends nothing elsewhere: each service has a time of its own. But when
all of somebody's sessions are to end, these are meant as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    delete,
    insert,
    select,
    tuple_,
)

from flask_service.database import Instant
from server1.db import metadata

KEPT_FOR = timedelta(days=30)  # longer than a session at a service is likely to last
SWEPT_AT_ONCE = 20  # rows

outlived_sessions = Table(
    "outlived_sessions",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("subject", ForeignKey("users.subject", ondelete="CASCADE"), nullable=False, index=True),
    Column("noted_at", Instant, nullable=False),
    Index("outlived_sessions_by_noted_at", "noted_at"),
)


@dataclass(frozen=True, slots=True)
class HandedOnSession:
    """A session, and one service that it was handed on to."""

    sid: str
    client_id: str
    subject: str


def note(connection: Connection, over: Collection[HandedOnSession], now: datetime) -> None:
    """Note sessions that are over by their time, and forget a few that were noted long ago."""
    if over:
        connection.execute(
            insert(outlived_sessions),
            [
                {
                    "sid": one.sid,
                    "client_id": one.client_id,
                    "subject": one.subject,
                    "noted_at": now,
                }
                for one in over
            ],
        )
    key = (outlived_sessions.c.sid, outlived_sessions.c.client_id)
    forgotten = (
        select(*key)
        .where(outlived_sessions.c.noted_at <= now - KEPT_FOR)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(outlived_sessions).where(tuple_(*key).in_(forgotten)))


def take(connection: Connection, subject: str) -> Sequence[HandedOnSession]:
    """Return the outlived sessions of an account, and forget them: they are to end everywhere."""
    columns = [outlived_sessions.c[name] for name in HandedOnSession.__dataclass_fields__]
    taken = (
        delete(outlived_sessions).where(outlived_sessions.c.subject == subject).returning(*columns)
    )
    return [HandedOnSession(*row) for row in connection.execute(taken)]
