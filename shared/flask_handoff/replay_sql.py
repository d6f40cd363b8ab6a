"""Remembers used tokens in a database that all processes share: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from .errors import ConfigurationError, ReplayStoreUnavailableError, TokenReplayedError

SWEPT_A_CLAIM = 2  # expired rows removed with each claim: more than one comes in

_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def replay_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_replay``, for an application that creates its own tables."""
    return Table(
        "handoff_replay",
        metadata,
        Column("issuer", String(255), primary_key=True),
        Column("jwt_id", String(262), primary_key=True),
        Column("expires_at", BigInteger, nullable=False, index=True),
    )


class SQLReplayStore:
    """Remembers in the table ``handoff_replay``, one short transaction a claim.

    Args:
        engine: SQLAlchemy's engine of a SQLite or PostgreSQL database. With SQLite, one file on
            one machine; several machines share PostgreSQL.

    Raises:
        ConfigurationError: The database is of another kind.
    """

    def __init__(self, engine: Engine) -> None:
        insert = _INSERT.get(engine.dialect.name)
        if insert is None:
            raise ConfigurationError(
                f"SQLReplayStore does not know {engine.dialect.name}.",
                "Use a SQLite or PostgreSQL database.",
            )
        self._engine = engine
        self._metadata = MetaData()
        self._table = table = replay_table(self._metadata)
        key = tuple_(table.c.issuer, table.c.jwt_id)
        # The row that comes back is the proof. ``rowcount`` is -1 on some drivers, win or lose.
        self._insert = insert(table).on_conflict_do_nothing().returning(table.c.jwt_id)
        self._expired = (
            select(table.c.issuer, table.c.jwt_id)
            .where(table.c.expires_at < bindparam("now"))
            .order_by(table.c.expires_at)
            .limit(SWEPT_A_CLAIM)
        )
        self._sweep = delete(table).where(key.in_(self._expired))
        self._probe = select(table.c.jwt_id).limit(1)

    def create_table(self) -> None:
        """Create the table if it is missing; two processes may do so at once."""
        try:
            self._metadata.create_all(self._engine)
        except SQLAlchemyError:
            # Another process may have been faster; otherwise this fails as the first did.
            self._metadata.create_all(self._engine)

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, see ``ReplayStore.claim``."""
        row = {"issuer": issuer, "jwt_id": jwt_id, "expires_at": expires_at}
        try:
            with self._engine.begin() as connection:
                won = connection.execute(self._insert, row).first()
                if won is not None:
                    connection.execute(self._sweep, {"now": now})
        except SQLAlchemyError as error:
            raise _unavailable(error) from None
        if won is None:
            raise TokenReplayedError("the token was used before")

    def ready(self) -> None:
        """Return when the table answers, see ``ReplayStore.ready``."""
        try:
            with self._engine.connect() as connection:
                connection.execute(self._probe).first()
        except SQLAlchemyError as error:
            raise _unavailable(error) from None


def _unavailable(error: SQLAlchemyError) -> ReplayStoreUnavailableError:
    # SQLAlchemy's text carries the statement and its parameters: only the kind of error is told.
    return ReplayStoreUnavailableError(f"the replay store failed ({type(error).__name__})")
