"""The database: short transactions, for reading or for writing, on SQLite or PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import ConfigurationError, shown
from flask_service.current import this_app

from .engines import MOST_OPEN, make_engine
from .faults import check_encoding, check_may_create, check_rights, reason_of
from .open_transactions import OpenedByThread, Outermost, Part
from .schema import Schema
from .sqlite_transactions import SQLiteTransactions
from .transactions import Transactions
from .writable import check_writable

TIMEOUT = timedelta(seconds=5)  # for a lock, a connection or an answer
SWEPT_AT_ONCE = 20  # rows

_EXTENSION = "database"
_log = logging.getLogger(__name__)


class Instant(sa.TypeDecorator[datetime]):
    """A column of aware instants in UTC, on databases that keep time zones and on others."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn an aware instant into UTC; refuse one without a zone, which would be another one."""
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        return None if value is None else value.astimezone(UTC)

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], Any] | None:
        """Return what makes the driver's value; for SQLite the same text as SQLAlchemy, sooner."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def text(value: datetime | None) -> str | None:
            instant = self.process_bind_param(value, dialect)
            if instant is None:
                return None
            return instant.isoformat(" ", "microseconds").removesuffix("+00:00")

        return text

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the instant aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One engine, for a SQLite file or PostgreSQL, and the two kinds of transactions used on it.

    Nothing is connected until the first transaction. The timeout is how long to wait for a lock,
    a connection or an answer, in whole milliseconds. At most *pool* connections are open at once.
    """

    def __init__(
        self, url: sa.URL, schema: Schema, *, timeout: timedelta = TIMEOUT, pool: int = MOST_OPEN
    ) -> None:
        self.url = url
        self.schema = schema
        self.engine = make_engine(url, timeout, pool)
        self._transactions = _transactions(self.engine, pool, timeout)
        self._refusal: ConfigurationError | None = None
        self._thread = OpenedByThread()

    def init_app(self, app: Flask) -> None:
        """Make it the application's, which ``database()`` returns."""
        app.extensions[_EXTENSION] = self

    def prepare(self, *, upgrade: bool = False) -> None:
        """Make the tables of an empty database; refuse an older one, or upgrade it if asked.

        Raises:
            DatabaseVersionError: It is at another version.
            ConfigurationError: It is out of reach, cannot be worked with, or an upgrade failed.
        """
        try:
            version, name = self.version(), _shown(self.url)
            with self._asked() as connection:
                check_encoding(connection, name)
                if version is None:
                    check_may_create(connection, name)
            if version is None or upgrade:
                before, version = version, self.migrate(upgrade=upgrade)
                if before not in {None, version}:
                    _log.info("upgraded the database to version %s", version)
            self.schema.check(version)
            with self._asked() as connection:
                check_rights(connection, name, [*self.schema.metadata.tables, "alembic_version"])
            with self._told():
                self.check_writable(())
        except BaseException:
            self.close()
            raise

    def version(self) -> str | None:
        """Return the version that the database is at, None where it is empty.

        Raises:
            ConfigurationError: It is out of reach, or is not this server's.
        """
        with self._asked() as connection:
            return self.schema.version_of(connection)

    def migrate(self, *, upgrade: bool = True) -> str:
        """Bring the database to the newest version in one transaction: wholly, or not at all.

        Without *upgrade* only an empty one gets its tables: another process may have made them
        meanwhile, with older code. Return the version that it is at now; one that this code does
        not know is left alone.

        Raises:
            ConfigurationError: That failed, and the database is as it was.
        """
        try:
            with self.engine.connect() as connection:
                return self.schema.migrate(connection, upgrade=upgrade)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database could not be brought to version {self.schema.newest} "
                f"({reason_of(error)}). It is as it was.",
                "Fix that, and try again.",
            ) from None

    def check_writable(self, tables: Iterable[sa.Table]) -> None:
        """Read from each of the tables, and write what is then undone; see ``writable``.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: That failed.
        """
        check_writable(self.engine, self._transactions, tables)

    def refuse(self, refusal: ConfigurationError) -> None:
        """Raise *refusal* in the place of every ``reading`` and ``writing`` from now on."""
        self._refusal = refusal

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Open a transaction that only reads. It sees one state of the database throughout.

        Inside of another transaction of this thread it is a part of that one.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
        """
        return self._transaction(writes=False)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Open a transaction that writes; it is undone when an exception leaves it.

        On SQLite it takes the one write lock at once: a transaction that reads first and wants
        to write later can be refused then. Inside of another one that writes it is a part of that.

        Raises:
            RuntimeError: This thread has a transaction open that only reads.
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach, or locked for too long.
        """
        return self._transaction(writes=True)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something once this thread's writing transaction is committed; never if it is not.

        Raises:
            RuntimeError: No such transaction is open.
        """
        opened = self._thread.transaction
        if opened is None or not opened.writes:
            raise RuntimeError("no writing transaction is open in this thread")
        opened.afterwards.append(act)

    def after_reading(self, act: Callable[[], None]) -> None:
        """Do something once this thread's transaction has ended well, whether it writes or not.

        Raises:
            RuntimeError: None is open.
        """
        if (opened := self._thread.transaction) is None:
            raise RuntimeError("no transaction is open in this thread")
        opened.afterwards.append(act)

    def close(self) -> None:
        """Close all connections; the next transaction opens new ones."""
        self._transactions.close()
        self.engine.dispose()

    @contextmanager
    def _asked(self) -> Iterator[sa.Connection]:
        outermost = Outermost(self._transactions, self._thread, writes=False)
        with self._told(), outermost as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database {_shown(self.url)} cannot be used ({reason_of(error)}).",
                f"Start it, or correct {self.schema.settings}.",
            ) from None

    def _transaction(self, *, writes: bool) -> AbstractContextManager[sa.Connection]:
        outer = self._thread.transaction
        if outer is None:
            if self._refusal is not None:
                raise self._refusal
            return Outermost(self._transactions, self._thread, writes=writes)
        if not writes:
            return nullcontext(outer.connection)
        if not outer.writes:
            # On SQLite it would wait for a lock, or be refused.
            raise RuntimeError("this thread has a transaction open that only reads")
        return Part(outer)


def database() -> Database:
    """Return the database of the current application."""
    found: Database = this_app().extensions[_EXTENSION]
    return found


def has_database(app: Flask) -> bool:
    """Tell whether *app* was given a database."""
    return _EXTENSION in app.extensions


def database_of(app: Flask) -> Database:
    """Return the database of *app*."""
    found: Database = app.extensions[_EXTENSION]
    return found


def sweep(connection: sa.Connection, table: sa.Table, old: sa.ColumnElement[bool]) -> None:
    """Delete a few old rows of a table, but for those that another transaction has locked."""
    key = table.primary_key.columns
    some = sa.select(*key).where(old).limit(SWEPT_AT_ONCE).with_for_update(skip_locked=True)
    # A plain subquery PostgreSQL may run once for each row, and have a few more each time.
    connection.execute(sa.delete(table).where(sa.tuple_(*key).in_(sa.select(some.cte()))))


def insert_into(connection: sa.Connection, table: sa.Table) -> Any:
    """Begin an INSERT that knows ON CONFLICT and RETURNING, in the database's own dialect."""
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: sa.Table) -> Any:
    """Begin such an INSERT without a connection, in the dialect of this name."""
    # A process uses one of the two, and importing either takes its time.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _transactions(engine: sa.Engine, most: int, timeout: timedelta) -> Transactions:
    if engine.dialect.name == "sqlite":
        return SQLiteTransactions(engine, most, timeout, Path(engine.url.database or ""))
    from .postgresql_transactions import PostgreSQLTransactions  # psycopg is not there on SQLite

    return PostgreSQLTransactions(engine, most, timeout)


def _shown(url: sa.URL) -> str:
    # Without the query, which may hold a password as well.
    bare = sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return shown(bare.render_as_string())
