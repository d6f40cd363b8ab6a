"""SERVER2's own sessions: a row decides; the browser holds only the row's random id."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from flask import Flask, current_app, g

from flask_handoff.claims import Arrival, LiveSession, Logout
from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, database
from flask_service.session_cookie import held_session_id

from .accounts import Account, accounts
from .db import current_time, metadata

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)  # how often a session in use is written
ENDED_AT_ONCE = 500  # by an operator: all in one statement could exceed its timeout, and end none
CLOCKS_DIFFER = timedelta(seconds=5)  # those of two machines of this server, at most
ISSUED_AHEAD = timedelta(seconds=70)  # a token, by the longest leeway and two machines here
SWEPT = 2  # ended sessions removed with each new one, so that no sign-in pays for many

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id_sha256", sa.String(64), primary_key=True),
    sa.Column("handle", sa.String(32), nullable=False, unique=True),
    sa.Column(
        "account_id", sa.BigInteger, sa.ForeignKey(accounts.c.id), nullable=False, index=True
    ),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("issuer_session_id", sa.Text, index=True),
    # By the issuer's clock, by which it says until when the sessions of an account have ended.
    sa.Column("token_issued_at", Instant, nullable=False),
    sa.Column("token_sha256", sa.String(64), nullable=False),
    sa.Column("kid", sa.String(255), nullable=False, index=True),  # of the token's key
    sa.Column("target", sa.String(2048), nullable=False),
    sa.Column("auth_time", Instant),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False, index=True),
)

_FIND = Statement(
    sa.select(sessions, accounts.c.issuer, accounts.c.subject, accounts.c.name, accounts.c.email)
    .join_from(sessions, accounts)
    .where(
        sessions.c.id_sha256 == sa.bindparam("held_sha256"),
        sessions.c.started_at > sa.bindparam("oldest_start"),
        sessions.c.last_seen_at > sa.bindparam("idle_since"),
    )
)
_INSERT = Statement(sa.insert(sessions))
_EXPIRED = (
    sa.select(sessions.c.id_sha256)
    .where(sessions.c.last_seen_at <= sa.bindparam("idle_since"))
    .order_by(sessions.c.last_seen_at)
    .limit(SWEPT)
    .with_for_update(skip_locked=True)
    .cte()  # which PostgreSQL runs once, and not for each row
)
# Joined by OR, PostgreSQL would read the whole table.
_HELD_OR_EXPIRED = sa.union_all(
    sa.select(sa.bindparam("held_sha256", type_=sa.String)), sa.select(_EXPIRED.c.id_sha256)
)
_END_AND_SWEEP = Statement(sa.delete(sessions).where(sessions.c.id_sha256.in_(_HELD_OR_EXPIRED)))


class SignedOutError(Exception):
    """The page needs a session, and this browser holds none that lives."""


class SessionUnconfirmedError(SignedOutError):
    """The session was opened before this process started, and may have ended at the issuer since.

    The issuer is asked again, silently: logouts do not arrive while no process runs.
    """


class ScopeMissingError(Exception):
    """The session was not granted the scope that the request needs, which is the argument."""


class Session(NamedTuple):
    """One live session."""

    account: Account
    scope: frozenset[str]  # what the issuer granted for it
    issuer_session_id: str | None  # its ``sid`` there, by which all of it can be signed out
    live: LiveSession  # for the library: a reference fit for a log, and from which token it is
    auth_time: datetime | None  # when the person last proved to the issuer who they are
    started_at: datetime  # when they arrived here

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


class _Trust(NamedTuple):
    """Which sessions this process takes to be alive without asking the issuer."""

    process_started_at: datetime
    for_older: timedelta  # how long sessions from before are trusted after the start

    def confirms(self, started_at: datetime, now: datetime) -> bool:
        """Say so of a session that began at *started_at*, by this server's own clocks."""
        # The issuer has just confirmed a new one, perhaps at a machine whose clock is behind: to
        # ask again would lead the browser in circles.
        is_new = started_at >= self.process_started_at or now - started_at < CLOCKS_DIFFER
        return is_new or now - self.process_started_at < self.for_older


def init_app(app: Flask, *, trust_after_start: timedelta) -> None:
    """Note that this process starts now: older sessions are trusted for so long, then confirmed."""
    app.extensions["session_trust"] = _Trust(app.extensions["clock"](), trust_after_start)


def start_session(connection: sa.Connection, account_id: int, arrival: Arrival) -> tuple[str, str]:
    """Write a new session for a person who arrived, and return its id and its handle.

    The session that this browser held until now ends, also another person's. The id is 256 random
    bits and goes to the browser only (``give_session_id``), after the transaction.
    """
    now = current_time()
    session_id, handle = secrets.token_urlsafe(32), secrets.token_hex(8)
    g.pop("session", None)
    held_sha256 = _sha256(held_session_id() or "")
    _END_AND_SWEEP.rows(connection, held_sha256=held_sha256, idle_since=now - IDLE)
    _INSERT.rows(
        connection,
        id_sha256=_sha256(session_id),
        handle=handle,
        account_id=account_id,
        scope=" ".join(sorted(arrival.claims.scope)),
        issuer_session_id=arrival.claims.session_id,
        token_issued_at=arrival.claims.issued_at,
        token_sha256=arrival.token_sha256,
        kid=arrival.claims.kid,
        target=arrival.target,
        auth_time=arrival.claims.auth_time,
        started_at=now,
        last_seen_at=now,
    )
    return session_id, handle


def end_session(connection: sa.Connection) -> None:
    """End the session that this browser holds, on every device that may have copied its cookie."""
    held = held_session_id()
    g.pop("session", None)
    if held is not None:
        connection.execute(sa.delete(sessions).where(sessions.c.id_sha256 == _sha256(held)))


def end_unconfirmed_session() -> bool:
    """End the session that this browser holds if the issuer has to confirm it first.

    It ends before the issuer is asked: a Strict cookie is not there when the answer comes.

    Returns:
        Whether there was such a one.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
    """
    if not g.get("session_unconfirmed"):
        return False
    with database().writing() as connection:
        end_session(connection)
    return True


def end_sessions_of(connection: sa.Connection, logout: Logout) -> None:
    """End the sessions that came from those that have ended at the issuer, in every browser.

    A session that is named has ended, whatever the dates say. Of a whole account only those end
    that began with a token issued until then: the person may have signed in anew. None of these is
    dated ahead of this clock; one that is was opened while clocks were wrong, and ends as well.
    """
    account = sa.select(accounts.c.id).where(accounts.c.issuer == logout.issuer)
    if logout.session_id is not None:
        ended = sa.delete(sessions).where(sessions.c.issuer_session_id == logout.session_id)
    else:
        issued_at, ahead = sessions.c.token_issued_at, current_time() + ISSUED_AHEAD
        was_issued = sa.or_(issued_at <= logout.ended_at, issued_at > ahead)
        ended = sa.delete(sessions).where(was_issued)
    if logout.subject is not None:
        account = account.where(accounts.c.subject == logout.subject)
    connection.execute(ended.where(sessions.c.account_id.in_(account)))


def end_sessions_of_keys(kids: Sequence[str] | None) -> int:
    """End the sessions whose tokens were signed with these keys, and return how many there were.

    Args:
        kids: The keys' names; None ends the sessions of everybody.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach; some may have ended.
    """
    which = sa.true() if kids is None else sessions.c.kid.in_(kids)
    some = sa.select(sessions.c.id_sha256).where(which).limit(ENDED_AT_ONCE)
    ending = sa.delete(sessions).where(sessions.c.id_sha256.in_(some)).returning(sessions.c.handle)
    ended = 0
    while True:
        with database().writing() as connection:
            now_ended = len(connection.execute(ending).all())
        ended += now_ended
        if now_ended < ENDED_AT_ONCE:
            return ended


def current_session() -> Session | None:
    """Return the live session that this browser holds, if there is one; asked once a request.

    One that the issuer has to confirm first is none.
    """
    if "session" not in g:
        held = held_session_id()
        g.session = None if held is None else _find(_sha256(held))
    found: Session | None = g.session
    return found


def required_session() -> Session:
    """Return the live session that this browser holds.

    Raises:
        SignedOutError: There is none; the visitor is led to the sign-in.
        SessionUnconfirmedError: There is one that the issuer has to confirm.
    """
    session = current_session()
    if session is not None:
        return session
    raise SessionUnconfirmedError if g.get("session_unconfirmed") else SignedOutError


def _find(held_sha256: str) -> Session | None:
    now = current_time()
    limits = {"oldest_start": now - ABSOLUTE, "idle_since": now - IDLE}
    with database().reading() as connection:
        row = _FIND.row(connection, held_sha256=held_sha256, **limits)
        if row is None:
            return None
        trust: _Trust = current_app.extensions["session_trust"]
        if not trust.confirms(row.started_at, now):
            g.session_unconfirmed = True
            return None
        # A clock that was ahead wrote another date: a session must not live longer by that.
        if not -SEEN_EVERY < now - row.last_seen_at < SEEN_EVERY:
            database().after_reading(lambda: _note_seen(held_sha256, now))
    return Session(
        Account(row.account_id, row.issuer, row.subject, row.name, row.email),
        frozenset(row.scope.split()),
        row.issuer_session_id,
        LiveSession(row.handle, row.token_sha256, row.target, row.issuer, row.subject),
        row.auth_time,
        row.started_at,
    )


def _note_seen(held_sha256: str, now: datetime) -> None:
    seen = sa.update(sessions).where(sessions.c.id_sha256 == held_sha256)
    with database().writing() as connection:
        connection.execute(seen.values(last_seen_at=now))


def _sha256(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
