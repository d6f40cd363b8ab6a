"""Remembers used tokens, and ended sessions, in a database that all processes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    text,
)
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable

from flask_handoff.claims import HandoffClaims, Logout
from flask_handoff.errors import (
    ConfigurationError,
    ReplayStoreUnavailableError,
    SessionEndedError,
    TokenReplayedError,
)

from .statements import Statement

Begin = Callable[[], AbstractContextManager[Connection]]

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
    "SELECT max(ended_at) FROM handoff_logouts WHERE issuer = :issuer "
    "AND (claim = 'sid' AND value = :session_id "
    "OR claim = 'sub' AND value = :subject AND ended_at >= :issued_at)",
    "ended_at",
)
# A sign-in that is being written and a logout that is being noted wait for each other, so that one
# of them sees the other. SQLite's writers do so by themselves.
_LOCK = 0x68616E646F6666  # "handoff"
_LOCK_FOR_SIGN_IN = Statement(f"SELECT pg_advisory_xact_lock_shared({_LOCK})", "locked")
_LOCK_FOR_LOGOUT = Statement(f"SELECT pg_advisory_xact_lock({_LOCK})", "locked")


def _sweep(table: str, key: str) -> Statement:
    # Two rows go for one that comes, so that none pile up; many at once would be a long wait.
    expired = f"FROM {table} WHERE expires_at < :now ORDER BY expires_at LIMIT 2"
    deletions = {
        "sqlite": f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} {expired})",  # noqa: S608 - constants
        # Claims at once sweep different rows: none waits for another, or for one that waits for it.
        # The array is made once; a plain IN may ask for two rows again and again.
        "postgresql": f"DELETE FROM {table} WHERE ctid = ANY "  # noqa: S608 - constants
        f"(ARRAY(SELECT ctid {expired} FOR UPDATE SKIP LOCKED))",
    }
    return Statement(lambda dialect: text(deletions[dialect]).columns())


_SWEEP = _sweep("handoff_replay", "issuer, jwt_id")
_SWEEP_LOGOUTS = _sweep("handoff_logouts", "issuer, claim, value")


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
        Column("claim", String(3), primary_key=True),  # "sid" or "sub"
        Column("value", String(_LONGEST_CLAIM), primary_key=True),
        Column("ended_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Index("handoff_logouts_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )


class SQLReplayStore:
    """Remembers in two tables, ``handoff_replay`` and ``handoff_logouts``.

    Each claim is one short transaction, of its own or of the application's. What it costs does not
    grow with the table: each one that is won removes two expired rows. So it is with logouts, where
    the receiver is notified of them.

    Args:
        engine: SQLAlchemy's engine of a SQLite file, 3.35 or newer, for the processes of one
            machine, or of a PostgreSQL database for several machines. Any pool but StaticPool.
            Where it begins SQLite's transactions itself, by ``BEGIN IMMEDIATE``: those that only
            read have the execution option ``reading=True``, and need no lock.
        transaction: Begins the application's own transaction that writes, or lends the one which
            this thread has open: then a token is claimed in the one that ``sign_in`` writes in. On
            SQLite it begins with ``BEGIN IMMEDIATE``; on PostgreSQL it is ``READ COMMITTED``.

    Raises:
        ConfigurationError: The engine is of another kind, or could not keep a claim.
    """

    def __init__(self, engine: Engine, *, transaction: Begin | None = None) -> None:
        if engine.dialect.name not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"SQLReplayStore does not know {engine.dialect.name}.",
                "Use a SQLite or PostgreSQL database.",
            )
        _check_keeps_claims(engine)
        self._engine = engine
        if engine.dialect.name == "postgresql":
            # A stricter isolation fails honest claims that happen at once; no pool is made anew.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._reader = self._engine.execution_options(reading=True)
        self._lent = transaction
        self.transaction = None if transaction is None else self._shared

    def create_tables(self) -> None:
        """Create the tables that are missing; several processes may do so at once.

        Raises:
            ReplayStoreUnavailableError: The database is out of reach.
        """
        try:
            self._create_tables()
        except ReplayStoreUnavailableError:
            # Another process made it first, or this fails again for the same reason.
            self._create_tables()

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, see ``ReplayStore.claim``."""
        token = {"issuer": issuer, "jwt_id": jwt_id, "expires_at": expires_at}
        with self._transaction() as connection:
            won = _CLAIM.row(connection, **token)
            if won is not None:
                _SWEEP.rows(connection, now=now)
        if won is None:
            raise TokenReplayedError("the token was used before")

    def note_logout(self, logout: Logout, *, expires_at: int, now: int) -> None:
        """Remember which sessions have ended, see ``LogoutStore.note_logout``."""
        claim, value = logout.named_by
        row = {
            "issuer": logout.issuer,
            "claim": claim,
            "value": value,
            "ended_at": int(logout.ended_at.timestamp()),
            "expires_at": expires_at,
        }
        with self._transaction() as connection:
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
        with self._transaction(self._reader) as connection:
            if self._lent is not None:
                _meet_logouts(connection)
            seconds = _ENDED_AT.row(connection, **handoff).ended_at
        if seconds is not None:
            raise SessionEndedError(
                "the session at the issuer has ended",
                ended_at=datetime.fromtimestamp(seconds, UTC),
            )

    def ready(self) -> None:
        """Return when the table is there and can be written to, see ``ReplayStore.ready``."""
        with self._transaction() as connection:
            # Nothing expired before 1970: this changes no row, yet fails where a claim would.
            _SWEEP.rows(connection, now=0)

    def _create_tables(self) -> None:
        metadata = MetaData()
        with self._transaction() as connection:
            for table in (replay_table(metadata), logout_table(metadata)):
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    @contextmanager
    def _transaction(self, engine: Engine | None = None) -> Iterator[Connection]:
        begin = self._lent or (engine or self._engine).begin
        try:
            with begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    @contextmanager
    def _shared(self) -> Iterator[Connection]:
        is_ours = True  # what fails is the transaction, and not what is done in it
        try:
            with cast(Begin, self._lent)() as connection:
                is_ours = False
                yield connection
                is_ours = True
        except SQLAlchemyError as error:
            if is_ours:
                raise _unavailable(error) from error
            raise


def _unavailable(error: SQLAlchemyError) -> ReplayStoreUnavailableError:
    if isinstance(error, StatementError):
        error.hide_parameters = True  # its text, in a log, would name issuer and token
    return ReplayStoreUnavailableError(f"the replay store failed ({type(error).__name__})")


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


def _check_keeps_claims(engine: Engine) -> None:
    if isinstance(engine.pool, StaticPool):
        raise ConfigurationError(
            "SQLReplayStore was given an engine with StaticPool: all threads share one "
            "transaction, and one that fails takes back what another has claimed.",
            "Leave out poolclass, or use QueuePool.",
        )
    file = engine.url.database or ":memory:"
    if engine.dialect.name == "sqlite" and (
        ":memory:" in file or engine.url.query.get("mode") == "memory"
    ):
        raise ConfigurationError(
            "SQLReplayStore was given SQLite in memory: it keeps claims for one connection only.",
            "Name a file, or use MemoryReplayStore in a server of one process.",
        )
