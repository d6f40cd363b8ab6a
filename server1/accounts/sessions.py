"""Sessions: one row for each browser that is signed in. The row decides, not the cookie."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant
from server1 import audit
from server1.audit import Event
from server1.db import metadata

from .users import User, from_row, users

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
SID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)  # 128 bits in base64url
LAST_SEEN_INTERVAL = timedelta(minutes=1)  # a row is not written for every click

sessions = sa.Table(
    "sessions",
    metadata,
    # Only the hash: a reader of the database cannot take over a session.
    sa.Column("id_sha256", sa.String(64), primary_key=True),
    # The public reference, sent to receivers: neither the cookie's value nor its hash.
    sa.Column("sid", sa.String(64), nullable=False, unique=True),
    sa.Column(
        "subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("auth_time", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(200), nullable=False),
    sa.Index("sessions_by_last_seen_at", "last_seen_at"),
)

LIVE = (
    sessions.c.last_seen_at > sa.bindparam("seen_after"),
    sessions.c.auth_time > sa.bindparam("opened_after"),
    users.c.disabled.is_(False),
)
"""Of a session joined to its user: it has not expired; see ``limits``."""

_COLUMNS = ("id_sha256", "sid", "auth_time", "last_seen_at", "address", "user_agent")

_FIND = Statement(
    sa.select(users, *(sessions.c[column] for column in _COLUMNS))
    .join_from(sessions, users)
    .where(sessions.c.id_sha256 == sa.bindparam("wanted"), *LIVE)
)


class SessionExpiredError(LookupError):
    """There is no such session, or it has expired, or its account is disabled."""


class Browser(NamedTuple):
    """What is noted about a browser, so that its owner can recognise the session in a list."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Session:
    """One live session, and whose it is. It was opened at ``auth_time``."""

    id_sha256: str = field(repr=False)
    sid: str
    user: User
    auth_time: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


def open_session(connection: sa.Connection, user: User, browser: Browser, now: datetime) -> str:
    """Open a session for someone who has just proved who they are.

    Returns:
        The session's identifier for the cookie, 256 random bits. Only its hash is kept.
    """
    session_id, sid = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    values = _opened(session_id, browser, now)
    connection.execute(sa.insert(sessions).values(sid=sid, subject=user.subject, **values))
    audit.record(connection, Event.SIGNED_IN, subject=user.subject, detail=f"session {sid}")
    return session_id


def find_session(connection: sa.Connection, unverified_session_id: str, now: datetime) -> Session:
    """Find the session of a cookie.

    Raises:
        SessionExpiredError: There is none, it has expired, or the account is disabled.
    """
    found = _FIND.row(connection, wanted=id_sha256_of(unverified_session_id), **limits(now))
    if found is None:
        raise SessionExpiredError
    row = found._asdict()
    return _session(row, from_row(row))


def limits(now: datetime) -> dict[str, datetime]:
    """Return the values for ``LIVE``."""
    return {"seen_after": now - IDLE_LIMIT, "opened_after": now - ABSOLUTE_LIMIT}


def reopen_session(
    connection: sa.Connection, session: Session, browser: Browser, now: datetime
) -> str:
    """Renew a session for someone who has proved again who they are.

    It keeps its public reference: it is the same session to the services that it entered.

    Returns:
        Its new identifier for the cookie; the old one is void.
    """
    session_id = secrets.token_urlsafe(32)
    _update(connection, session, **_opened(session_id, browser, now))
    detail = f"session {session.sid}"
    audit.record(connection, Event.SIGNED_IN, subject=session.user.subject, detail=detail)
    return session_id


def note_seen(connection: sa.Connection, session: Session, now: datetime) -> None:
    """Note that the session was used just now."""
    _update(connection, session, last_seen_at=now)


def sessions_of(connection: sa.Connection, user: User, now: datetime) -> Sequence[Session]:
    """Return the live sessions of an account, the one that was seen last first."""
    query = (
        sa.select(*(sessions.c[column] for column in _COLUMNS))
        .where(
            sessions.c.subject == user.subject,
            sessions.c.last_seen_at > now - IDLE_LIMIT,
            sessions.c.auth_time > now - ABSOLUTE_LIMIT,
        )
        .order_by(sessions.c.last_seen_at.desc(), sessions.c.sid)
    )
    return [_session(row, user) for row in connection.execute(query).mappings()]


def renew_session(connection: sa.Connection, session: Session) -> str:
    """Give a session another identifier and another public reference; the old ones are void.

    Returns:
        Its new identifier for the cookie.
    """
    session_id = secrets.token_urlsafe(32)
    new_sid = secrets.token_urlsafe(16)
    _update(connection, session, id_sha256=id_sha256_of(session_id), sid=new_sid)
    return session_id


def give_new_id(connection: sa.Connection, sid: str) -> str | None:
    """Give a session another identifier for the cookie, and return it; None where it has ended."""
    session_id = secrets.token_urlsafe(32)
    changed = (
        sa.update(sessions)
        .where(sessions.c.sid == sid)
        .values(id_sha256=id_sha256_of(session_id))
        .returning(sessions.c.sid)
    )
    return None if connection.execute(changed).one_or_none() is None else session_id


def id_sha256_of(session_id: str) -> str:
    """Return what is kept of a session's identifier."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def _opened(session_id: str, browser: Browser, now: datetime) -> dict[str, str | datetime]:
    times = {"auth_time": now, "last_seen_at": now}
    return {"id_sha256": id_sha256_of(session_id), **times, **browser._asdict()}


def _update(connection: sa.Connection, session: Session, **values: str | datetime) -> None:
    this_one = sessions.c.id_sha256 == session.id_sha256
    connection.execute(sa.update(sessions).where(this_one).values(**values))


def _session(row: Mapping[Any, Any], user: User) -> Session:
    return Session(user=user, **{column: row[column] for column in _COLUMNS})
