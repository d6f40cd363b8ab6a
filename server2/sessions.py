"""SERVER2's own sessions: a row decides; the browser holds only the row's random id."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import g
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from flask_handoff.claims import Arrival, Logout
from flask_service.database import Instant, database
from flask_service.session_cookie import held_session_id

from .accounts import Account, accounts
from .db import current_time, metadata

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)  # how often a session in use is written
ENDED_AT_ONCE = 500  # sessions in one transaction of an operator's: nobody waits long for it
SWEPT = 2  # ended sessions removed with each new one, so that no sign-in pays for many

sessions = Table(
    "sessions",
    metadata,
    Column("id_sha256", String(64), primary_key=True),
    Column("handle", String(32), nullable=False, unique=True),
    Column("account_id", BigInteger, ForeignKey(accounts.c.id), nullable=False, index=True),
    Column("scope", Text, nullable=False),
    Column("issuer_session_id", Text, index=True),
    # By the issuer's clock: what it ends up to an instant is what it handed on up to then.
    Column("token_issued_at", Instant, nullable=False),
    Column("token_sha256", String(64), nullable=False),
    Column("kid", String(64), nullable=False, index=True),  # of the key that signed the token
    Column("target", String(512), nullable=False),
    Column("auth_time", Instant),
    Column("started_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False, index=True),
)

_FIND = (
    select(sessions, accounts.c.issuer, accounts.c.subject, accounts.c.name, accounts.c.email)
    .join_from(sessions, accounts)
    .where(
        sessions.c.id_sha256 == bindparam("held_sha256"),
        sessions.c.started_at > bindparam("oldest_start"),
        sessions.c.last_seen_at > bindparam("idle_since"),
    )
)
_END = delete(sessions).where(sessions.c.id_sha256 == bindparam("held_sha256"))
_SEE = update(sessions).where(sessions.c.id_sha256 == bindparam("held_sha256"))
_SWEEP = delete(sessions).where(
    sessions.c.id_sha256.in_(
        select(sessions.c.id_sha256)
        .where(sessions.c.last_seen_at <= bindparam("idle_since"))
        .order_by(sessions.c.last_seen_at)
        .limit(SWEPT)
        .with_for_update(skip_locked=True)
    )
)


_OF_KEYS = sessions.c.kid.in_(bindparam("kids", expanding=True))
_END_OF_KEYS = (
    delete(sessions)
    .where(
        sessions.c.id_sha256.in_(select(sessions.c.id_sha256).where(_OF_KEYS).limit(ENDED_AT_ONCE))
    )
    .returning(sessions.c.handle)
)


class SignedOutError(Exception):
    """The page needs a session, and this browser holds none that lives."""


class ScopeMissingError(Exception):
    """The session was not granted what the request needs.

    Args:
        scope: What it lacks.
    """

    def __init__(self, scope: str) -> None:
        super().__init__(f"the session lacks {scope}")
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Session:
    """One live session.

    Args:
        handle: Its public reference, fit for a log.
        account: Who is signed in.
        scope: What the issuer granted for it.
        token_sha256: From the ``Arrival`` that opened it.
        target: From the ``Arrival`` that opened it.
        auth_time: When this person last proved to the issuer who they are, if it said so.
        started_at: When they arrived here.
    """

    handle: str
    account: Account
    scope: frozenset[str]
    token_sha256: str
    target: str
    auth_time: datetime | None
    started_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends however busy it is."""
        return self.started_at + ABSOLUTE

    def require(self, scope: str) -> None:
        """Check that the session was granted *scope*.

        Raises:
            ScopeMissingError: It was not (HTTP 403).
        """
        if scope not in self.scope:
            raise ScopeMissingError(scope)


def start_session(connection: Connection, account_id: int, arrival: Arrival) -> tuple[str, str]:
    """Write a new session for a person who arrived, and return its id and its handle.

    The session that this browser held until now ends, whoever it belonged to. The id is 256 random
    bits and goes to the browser only (``give_session_id``), after the transaction.
    """
    now = current_time()
    session_id, handle = secrets.token_urlsafe(32), secrets.token_hex(8)
    end_session(connection)
    connection.execute(_SWEEP, {"idle_since": now - IDLE})
    connection.execute(
        insert(sessions),
        {
            "id_sha256": _sha256(session_id),
            "handle": handle,
            "account_id": account_id,
            "scope": " ".join(sorted(arrival.claims.scope)),
            "issuer_session_id": arrival.claims.session_id,
            "token_issued_at": arrival.claims.issued_at,
            "token_sha256": arrival.token_sha256,
            "kid": arrival.claims.kid,
            "target": arrival.target,
            "auth_time": arrival.claims.auth_time,
            "started_at": now,
            "last_seen_at": now,
        },
    )
    return session_id, handle


def end_session(connection: Connection) -> None:
    """End the session that this browser holds, on every device that may have copied its cookie."""
    held = held_session_id()
    g.pop("session", None)
    if held is not None:
        connection.execute(_END, {"held_sha256": _sha256(held)})


def end_sessions_of(connection: Connection, logout: Logout) -> None:
    """End the sessions that came from those that have ended at the issuer, in every browser.

    A session that is named has ended, whatever the dates say. Of a whole account only those end
    that were handed on until then: somebody may have signed in anew.
    """
    account = select(accounts.c.id).where(accounts.c.issuer == logout.issuer)
    if logout.session_id is not None:
        ended = delete(sessions).where(sessions.c.issuer_session_id == logout.session_id)
    else:
        ended = delete(sessions).where(sessions.c.token_issued_at <= logout.ended_at)
    if logout.subject is not None:
        account = account.where(accounts.c.subject == logout.subject)
    connection.execute(ended.where(sessions.c.account_id.in_(account)))


def end_sessions_of_keys(kids: Sequence[str]) -> int:
    """End the sessions whose tokens were signed with these keys.

    Returns:
        How many there were.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach; some may have ended.
    """
    ended = 0
    while True:
        with database().writing() as connection:
            handles = connection.execute(_END_OF_KEYS, {"kids": kids}).all()
        ended += len(handles)
        if len(handles) < ENDED_AT_ONCE:
            return ended


def current_session() -> Session | None:
    """Return the live session that this browser holds, if there is one; asked once a request."""
    if "session" not in g:
        held = held_session_id()
        g.session = None if held is None else _find(_sha256(held))
    found: Session | None = g.session
    return found


def required_session() -> Session:
    """Return the live session that this browser holds.

    Raises:
        SignedOutError: There is none; the visitor is led to the sign-in.
    """
    session = current_session()
    if session is None:
        raise SignedOutError
    return session


def _find(held_sha256: str) -> Session | None:
    now = current_time()
    limits = {"oldest_start": now - ABSOLUTE, "idle_since": now - IDLE}
    with database().reading() as connection:
        row = connection.execute(_FIND, {"held_sha256": held_sha256, **limits}).one_or_none()
    if row is None:
        return None
    if now - row.last_seen_at >= SEEN_EVERY:
        with database().writing() as connection:
            connection.execute(_SEE, {"held_sha256": held_sha256, "last_seen_at": now})
    return _session(row)


def _session(row: Row[Any]) -> Session:
    account = Account(row.account_id, row.issuer, row.subject, row.name, row.email)
    return Session(
        handle=row.handle,
        account=account,
        scope=frozenset(row.scope.split()),
        token_sha256=row.token_sha256,
        target=row.target,
        auth_time=row.auth_time,
        started_at=row.started_at,
    )


def _sha256(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
