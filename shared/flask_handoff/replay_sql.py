"""Remembers used tokens in a database that all processes share: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

from .errors import ConfigurationError, ReplayStoreUnavailableError, TokenReplayedError

_LONGEST_ISSUER = 255  # characters, as of every claim
_LONGEST_JWT_ID = 261  # characters: a nonce of 255 behind the word that tells it from a jti

# The row that comes back is the proof. ``rowcount`` is -1 on some drivers, win or lose.
_CLAIM = text(
    "INSERT INTO handoff_replay (issuer, jwt_id, expires_at) "
    "VALUES (:issuer, :jwt_id, :expires_at) "
    "ON CONFLICT DO NOTHING RETURNING jwt_id"
)
# Two rows go for one that comes, so that none pile up; many at once would be one user's long wait.
_SWEEPS = {
    "sqlite": text(
        "DELETE FROM handoff_replay WHERE (issuer, jwt_id) IN ("
        "SELECT issuer, jwt_id FROM handoff_replay "
        "WHERE expires_at < :now ORDER BY expires_at LIMIT 2)"
    ),
    # Claims at once sweep different rows: none waits for another, or for one that waits for it.
    # The array is made once; a plain IN may ask for two rows again and again.
    "postgresql": text(
        "DELETE FROM handoff_replay WHERE ctid = ANY (ARRAY("
        "SELECT ctid FROM handoff_replay "
        "WHERE expires_at < :now ORDER BY expires_at LIMIT 2 FOR UPDATE SKIP LOCKED))"
    ),
}


def replay_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_replay``, for an application that creates its own tables."""
    return Table(
        "handoff_replay",
        metadata,
        Column("issuer", String(_LONGEST_ISSUER), primary_key=True),
        Column("jwt_id", String(_LONGEST_JWT_ID), primary_key=True),
        Column("expires_at", BigInteger, nullable=False),
        Index("handoff_replay_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )


class SQLReplayStore:
    """Remembers in the table ``handoff_replay``, one short transaction of its own a claim.

    What a claim costs does not grow with the table: each one that is won removes two expired rows.

    Args:
        engine: SQLAlchemy's engine of a SQLite file, 3.35 or newer, for the processes of one
            machine, or of a PostgreSQL database for several machines. Any pool but StaticPool.

    Raises:
        ConfigurationError: The engine is of another kind, or could not keep a claim.
    """

    def __init__(self, engine: Engine) -> None:
        sweep = _SWEEPS.get(engine.dialect.name)
        if sweep is None:
            raise ConfigurationError(
                f"SQLReplayStore does not know {engine.dialect.name}.",
                "Use a SQLite or PostgreSQL database.",
            )
        _check_keeps_claims(engine)
        self._engine = engine
        self._sweep = sweep
        if engine.dialect.name == "postgresql":
            # A stricter isolation fails honest claims that happen at once; no pool is made anew.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")

    def create_table(self) -> None:
        """Create the table if it is missing; several processes may do so at once.

        Raises:
            ReplayStoreUnavailableError: The database is out of reach.
        """
        try:
            self._create_table()
        except ReplayStoreUnavailableError:
            # Another process was faster by a hair, or this fails again for the same reason.
            self._create_table()

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, see ``ReplayStore.claim``."""
        token = {"issuer": issuer, "jwt_id": jwt_id, "expires_at": expires_at}
        with self._transaction() as connection:
            won = connection.execute(_CLAIM, token).first()
            if won is not None:
                connection.execute(self._sweep, {"now": now})
        if won is None:
            raise TokenReplayedError("the token was used before")

    def ready(self) -> None:
        """Return when the table is there and can be written to, see ``ReplayStore.ready``."""
        with self._transaction() as connection:
            # Nothing expired before 1970: this changes no row, yet fails where a claim would.
            connection.execute(self._sweep, {"now": 0})

    def _create_table(self) -> None:
        table = replay_table(MetaData())
        with self._transaction() as connection:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            if isinstance(error, StatementError):
                error.hide_parameters = True  # its text, in a log, would name issuer and token
            raise ReplayStoreUnavailableError(
                f"the replay store failed ({type(error).__name__})"
            ) from error


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
