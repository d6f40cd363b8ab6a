"""Sessions: one row for each browser that is signed in. The row decides, not the cookie."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from flask_service.database import Instant
from server1 import audit
from server1.audit import Event
from server1.db import metadata

from .users import User, from_row, users

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
LAST_SEEN_INTERVAL = timedelta(minutes=1)  # a row is not written for every click

sessions = Table(
    "sessions",
    metadata,
    # Only the hash: whoever reads the database cannot take over a session.
    Column("id_sha256", String(64), primary_key=True),
    # The public reference, told to receivers: neither the cookie's value nor its hash.
    Column("sid", String(64), nullable=False, unique=True),
    Column("subject", ForeignKey("users.subject", ondelete="CASCADE"), nullable=False, index=True),
    Column("auth_time", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("address", String(64), nullable=False),
    Column("user_agent", String(200), nullable=False),
    Index("sessions_by_last_seen_at", "last_seen_at"),
)

_OWN_COLUMNS = ("sid", "auth_time", "opened_at", "last_seen_at")

# Built once: building a statement takes longer than running it.
_FIND = (
    select(users, *(sessions.c[column] for column in _OWN_COLUMNS))
    .join_from(sessions, users)
    .where(
        sessions.c.id_sha256 == bindparam("wanted"),
        sessions.c.last_seen_at > bindparam("seen_after"),
        sessions.c.opened_at > bindparam("opened_after"),
        users.c.disabled.is_(False),
    )
)


class SessionOverError(LookupError):
    """There is no such session, or it is over, or its account is disabled."""


@dataclass(frozen=True, slots=True)
class Browser:
    """What is noted about a browser, so that its owner can recognise the session in a list."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Session:
    """One session that is alive, and whose it is."""

    id_sha256: str = field(repr=False)
    sid: str
    user: User
    auth_time: datetime
    opened_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One of the sessions of an account, as its owner may recognise it."""

    sid: str
    opened_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


def open_session(connection: Connection, user: User, browser: Browser, now: datetime) -> str:
    """Open a session for someone who has just proved who they are.

    Returns:
        The session's identifier for the cookie, 256 random bits. Only its hash is kept.
    """
    session_id, sid = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    connection.execute(
        insert(sessions).values(
            id_sha256=id_sha256_of(session_id),
            sid=sid,
            subject=user.subject,
            auth_time=now,
            opened_at=now,
            last_seen_at=now,
            address=browser.address,
            user_agent=browser.user_agent,
        )
    )
    audit.record(connection, Event.SIGNED_IN, subject=user.subject, detail=f"session {sid}")
    return session_id


def find_session(connection: Connection, unverified_session_id: str, now: datetime) -> Session:
    """Find the session of a cookie.

    Raises:
        SessionOverError: There is none, its time is over, or the account is disabled.
    """
    id_sha256 = id_sha256_of(unverified_session_id)
    limits = {"seen_after": now - IDLE_LIMIT, "opened_after": now - ABSOLUTE_LIMIT}
    row = connection.execute(_FIND, {"wanted": id_sha256, **limits}).mappings().one_or_none()
    if row is None:
        raise SessionOverError
    return Session(
        id_sha256, user=from_row(row), **{column: row[column] for column in _OWN_COLUMNS}
    )


def reopen_session(
    connection: Connection, session: Session, browser: Browser, now: datetime
) -> str:
    """Let a session begin anew for someone who has proved once more who they are.

    It keeps its public reference: it is the same session to the services that it was handed on to.

    Returns:
        Its new identifier for the cookie; the old one is no longer good.
    """
    session_id = secrets.token_urlsafe(32)
    connection.execute(
        update(sessions)
        .where(sessions.c.id_sha256 == session.id_sha256)
        .values(
            id_sha256=id_sha256_of(session_id),
            auth_time=now,
            opened_at=now,
            last_seen_at=now,
            address=browser.address,
            user_agent=browser.user_agent,
        )
    )
    detail = f"session {session.sid}"
    audit.record(connection, Event.SIGNED_IN, subject=session.user.subject, detail=detail)
    return session_id


def note_seen(connection: Connection, session: Session, now: datetime) -> None:
    """Note that the session was used just now."""
    connection.execute(
        update(sessions).where(sessions.c.id_sha256 == session.id_sha256).values(last_seen_at=now)
    )


def sessions_of(connection: Connection, user: User, now: datetime) -> Sequence[OpenSession]:
    """Return the live sessions of an account, the one that was seen last first."""
    query = (
        select(*(sessions.c[column] for column in OpenSession.__dataclass_fields__))
        .where(
            sessions.c.subject == user.subject,
            sessions.c.last_seen_at > now - IDLE_LIMIT,
            sessions.c.opened_at > now - ABSOLUTE_LIMIT,
        )
        .order_by(sessions.c.last_seen_at.desc(), sessions.c.sid)
    )
    return [OpenSession(*row) for row in connection.execute(query)]


def renew_session_id(connection: Connection, session: Session) -> str:
    """Give a session a new identifier, and return it; the old one is no longer good."""
    session_id = secrets.token_urlsafe(32)
    connection.execute(
        update(sessions)
        .where(sessions.c.id_sha256 == session.id_sha256)
        .values(id_sha256=id_sha256_of(session_id))
    )
    return session_id


def rename_session(connection: Connection, session: Session) -> None:
    """Give a session another public reference; the services that it entered know the old one."""
    connection.execute(
        update(sessions)
        .where(sessions.c.id_sha256 == session.id_sha256)
        .values(sid=secrets.token_urlsafe(16))
    )


def id_sha256_of(session_id: str) -> str:
    """Return what is kept of a session's identifier."""
    return hashlib.sha256(session_id.encode()).hexdigest()
