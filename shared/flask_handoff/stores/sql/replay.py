"""Remembers used tokens, and ended sessions."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, String, Table

from flask_handoff.claims import HandoffClaims, Logout
from flask_handoff.errors import (
    ConfigurationError,
    ReplayStoreUnavailableError,
    SessionEndedError,
    TokenReplayedError,
)
from flask_handoff.stores.ended import GOES_ON, kept_logout
from flask_handoff.stores.statements import Statement

from .store import SQLStore, sweeping

_LONGEST_CLAIM = 255  # characters
_LONGEST_JWT_ID = 261  # characters: a nonce of 255 behind the word that tells it from a jti

# The row that comes back is the proof. ``rowcount`` is -1 on some drivers, win or lose.
_CLAIM = Statement(
    "INSERT INTO handoff_replay (issuer, jwt_id, expires_at) "
    "VALUES (:issuer, :jwt_id, :expires_at) "
    "ON CONFLICT DO NOTHING RETURNING jwt_id",
    "jwt_id",
)
_NOTE_LOGOUT = Statement(
    "INSERT INTO handoff_logouts (issuer, claim, value, ended_at, expires_at) "
    "VALUES (:issuer, :claim, :value, :ended_at, :expires_at) "
    "ON CONFLICT (issuer, claim, value) DO UPDATE SET "
    "ended_at = CASE WHEN excluded.ended_at > handoff_logouts.ended_at "
    "THEN excluded.ended_at ELSE handoff_logouts.ended_at END, "
    "expires_at = CASE WHEN excluded.expires_at > handoff_logouts.expires_at "
    "THEN excluded.expires_at ELSE handoff_logouts.expires_at END"
)
_ENDED_AT = Statement(
    "SELECT max(ended_at) FROM handoff_logouts WHERE issuer = :issuer "  # noqa: S608 - a constant
    "AND (claim = 'sid' AND value = :session_id "
    f"OR claim = '{GOES_ON}' AND value = :session_id AND ended_at > :issued_at "
    "OR claim = 'sub' AND value = :subject AND ended_at >= :issued_at)",
    "ended_at",
)
# A sign-in that is being written and a logout that is being noted wait for each other, so that one
# of them sees the other. SQLite's writers do so by themselves.
_LOCK = 0x68616E646F6666  # "handoff"
_LOCK_FOR_SIGN_IN = Statement(f"SELECT pg_advisory_xact_lock_shared({_LOCK})", "locked")
_LOCK_FOR_LOGOUT = Statement(f"SELECT pg_advisory_xact_lock({_LOCK})", "locked")


_SWEEP = sweeping("handoff_replay", "issuer, jwt_id")
_SWEEP_LOGOUTS = sweeping("handoff_logouts", "issuer, claim, value")


def replay_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_replay``, for an application that creates its own tables."""
    return Table(
        "handoff_replay",
        metadata,
        Column("issuer", String(_LONGEST_CLAIM), primary_key=True),
        Column("jwt_id", String(_LONGEST_JWT_ID), primary_key=True),
        Column("expires_at", BigInteger, nullable=False),
        Index("handoff_replay_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )


def logout_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_logouts``, for an application that creates its own tables."""
    return Table(
        "handoff_logouts",
        metadata,
        Column("issuer", String(_LONGEST_CLAIM), primary_key=True),
        Column("claim", String(3), primary_key=True),  # "sid", "sub" or GOES_ON
        Column("value", String(_LONGEST_CLAIM), primary_key=True),
        Column("ended_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Index("handoff_logouts_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )


class SQLReplayStore(SQLStore):
    """Remembers in two tables, ``handoff_replay`` and ``handoff_logouts``; see ``SQLStore``.

    What a claim costs does not grow with the table: each one that is won removes two expired rows.
    So it is with logouts, where the receiver is notified of them.

    With a *transaction*, a token is claimed in the one that ``sign_in`` writes in.
    """

    unavailable = ReplayStoreUnavailableError
    tables = (replay_table, logout_table)

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, see ``ReplayStore.claim``."""
        token = {"issuer": issuer, "jwt_id": jwt_id, "expires_at": expires_at}
        with self._writing() as connection:
            won = _CLAIM.row(connection, **token)
            if won is not None:
                _SWEEP.rows(connection, now=now)
        if won is None:
            raise TokenReplayedError("the token was used before")

    def note_logout(self, logout: Logout, *, expires_at: int, now: int) -> None:
        """Remember which sessions have ended, see ``LogoutStore.note_logout``."""
        claim, value, at = kept_logout(logout)
        row = {
            "issuer": logout.issuer,
            "claim": claim,
            "value": value,
            "ended_at": int(at.timestamp()),
            "expires_at": expires_at,
        }
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                _LOCK_FOR_LOGOUT.rows(connection)
            _NOTE_LOGOUT.rows(connection, **row)
            _SWEEP_LOGOUTS.rows(connection, now=now)

    def check_session(self, claims: HandoffClaims) -> None:
        """Check that the session has not ended, see ``LogoutStore.check_session``."""
        handoff = {
            "issuer": claims.issuer,
            "subject": claims.subject,
            "session_id": claims.session_id or "",
            "issued_at": int(claims.issued_at.timestamp()),
        }
        with self._reading() if self.transaction is None else self._writing() as connection:
            if self.transaction is not None:
                _meet_logouts(connection)
            seconds = _ENDED_AT.row(connection, **handoff).ended_at
        if seconds is not None:
            raise SessionEndedError(
                "the session at the issuer has ended",
                ended_at=datetime.fromtimestamp(seconds, UTC),
            )

    def ready(self) -> None:
        """Return when a claim could be written just now, see ``ReplayStore.ready``."""
        # No token's: what expired in 1970 is the first to be swept.
        probe = {"issuer": "", "jwt_id": secrets.token_hex(16), "expires_at": 0}
        with self._writing() as connection:
            _CLAIM.rows(connection, **probe)
            _SWEEP.rows(connection, now=1)


def _meet_logouts(connection: Connection) -> None:
    """Let no logout be noted until this transaction has ended."""
    if connection.dialect.name == "postgresql":
        _LOCK_FOR_SIGN_IN.rows(connection)
    elif not cast(Any, connection.connection.driver_connection).in_transaction:
        # Python's sqlite3 would begin with the first change, after the look-up that follows.
        raise ConfigurationError(
            "The transaction that SQLReplayStore was lent has not begun in SQLite yet.",
            'Begin it with "BEGIN IMMEDIATE", in SQLAlchemy\'s event "begin".',
        )
