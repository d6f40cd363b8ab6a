"""Entered clients: which services a session was handed on to, for its owner and for log-out."""

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

entered_clients = Table(
    "entered_clients",
    metadata,
    Column("sid", ForeignKey("sessions.sid", ondelete="CASCADE"), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)


@cache  # building a statement takes longer than running it
def _upsert(dialect: str) -> Any:
    insert = insert_in(dialect, entered_clients)
    return insert.values(
        sid=bindparam("sid"),
        client_id=bindparam("client_id"),
        first_at=bindparam("at"),
        last_at=bindparam("at"),
    ).on_conflict_do_update(
        index_elements=[entered_clients.c.sid, entered_clients.c.client_id],
        set_={"last_at": insert.excluded.last_at},
    )


@dataclass(frozen=True, slots=True)
class EnteredClient:
    """One service that a session was handed on to, and when for the first and the last time."""

    client_id: str
    first_at: datetime
    last_at: datetime


def note_entered(connection: Connection, sid: str, client_id: str, now: datetime) -> None:
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


def entered(connection: Connection, sid: str) -> Sequence[EnteredClient]:
    """Return what a session was handed on to, in the order in which it was first entered."""
    query = (
        select(entered_clients.c.client_id, entered_clients.c.first_at, entered_clients.c.last_at)
        .where(entered_clients.c.sid == sid)
        .order_by(entered_clients.c.first_at, entered_clients.c.client_id)
    )
    return [EnteredClient(*row) for row in connection.execute(query)]


def entered_by(connection: Connection, subject: str) -> Mapping[str, Sequence[EnteredClient]]:
    """Return what each session of an account was handed on to, by the session's ``sid``.

    A session that was handed on to nothing is not among them.
    """
    query = (
        select(entered_clients)
        .join_from(entered_clients, sessions)
        .where(sessions.c.subject == subject)
        .order_by(entered_clients.c.first_at, entered_clients.c.client_id)
    )
    found: dict[str, list[EnteredClient]] = {}
    for row in connection.execute(query):
        found.setdefault(row.sid, []).append(
            EnteredClient(row.client_id, row.first_at, row.last_at)
        )
    return found
