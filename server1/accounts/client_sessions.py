"""Client sessions: what a session was handed on to, for its owner to see and for logout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, String, Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from flask_service.database import Instant, insert_in
from server1.db import metadata

from .sessions import SessionOverError, sessions

client_sessions = Table(
    "client_sessions",
    metadata,
    Column("sid", ForeignKey("sessions.sid", ondelete="CASCADE"), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)


@cache  # building a statement takes longer than running it
def _upsert(dialect: str) -> Any:
    insert = insert_in(dialect, client_sessions)
    return insert.values(
        sid=bindparam("sid"),
        client_id=bindparam("client_id"),
        first_at=bindparam("at"),
        last_at=bindparam("at"),
    ).on_conflict_do_update(
        index_elements=[client_sessions.c.sid, client_sessions.c.client_id],
        set_={"last_at": insert.excluded.last_at},
    )


@dataclass(frozen=True, slots=True)
class ClientSession:
    """One service that a session was handed on to, and when for the first and the last time."""

    client_id: str
    first_at: datetime
    last_at: datetime


def note_client_session(connection: Connection, sid: str, client_id: str, now: datetime) -> None:
    """Note that a session is handed on to a client.

    Raises:
        SessionOverError: The session has ended; the transaction is to be undone then.
    """
    upsert = _upsert(connection.dialect.name)
    try:
        connection.execute(upsert, {"sid": sid, "client_id": client_id, "at": now})
    except IntegrityError:
        # Nothing else can be wrong with these values. Looking first would cost every handoff.
        raise SessionOverError from None


def client_sessions_of(connection: Connection, sid: str) -> Sequence[ClientSession]:
    """Return what a session was handed on to, in the order in which it was first entered."""
    query = (
        select(client_sessions.c.client_id, client_sessions.c.first_at, client_sessions.c.last_at)
        .where(client_sessions.c.sid == sid)
        .order_by(client_sessions.c.first_at, client_sessions.c.client_id)
    )
    return [ClientSession(*row) for row in connection.execute(query)]


def by_session(connection: Connection, subject: str) -> Mapping[str, Sequence[ClientSession]]:
    """Return what each session of an account was handed on to, by the session's ``sid``.

    A session that was handed on to nothing is not among them.
    """
    query = (
        select(client_sessions)
        .join_from(client_sessions, sessions)
        .where(sessions.c.subject == subject)
        .order_by(client_sessions.c.first_at, client_sessions.c.client_id)
    )
    found: dict[str, list[ClientSession]] = {}
    for row in connection.execute(query):
        found.setdefault(row.sid, []).append(
            ClientSession(row.client_id, row.first_at, row.last_at)
        )
    return found
