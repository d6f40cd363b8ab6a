"""The database: short transactions, for reading or for writing, on SQLite or PostgreSQL."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    literal,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from flask_handoff import ConfigurationError
from flask_handoff.redaction import shown

from .schema import Schema

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

MOST_THREADS = 68  # of one process, 64 for requests; each holds at most one connection
PATIENCE = timedelta(seconds=5)  # for a lock, a connection or an answer

_WRITING = "server1_writing"
_log = logging.getLogger(__name__)

metadata = MetaData()
"""Every table of SERVER1; each is defined in the module that is about it."""

SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server1")


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC, on databases that keep time zones and on those that do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One engine, and the two kinds of transactions that are used on it.

    Args:
        url: A SQLite file or a PostgreSQL database.
        patience: How long to wait for a lock, a connection or an answer, in whole milliseconds.
    """

    def __init__(self, url: URL, patience: timedelta = PATIENCE) -> None:
        build = _sqlite_engine if url.get_backend_name() == "sqlite" else _postgresql_engine
        self._engine = build(url, patience.total_seconds())
        self._writer = self._engine.execution_options(**{_WRITING: True})
        self._url = url
        self._refusal: ConfigurationError | None = None
        self._thread = threading.local()

    @classmethod
    def open(cls, url: URL, *, upgrade: bool = False, schema: Schema = SCHEMA) -> Self:
        """Reach the database, and make its tables if it is empty.

        Args:
            url: As above.
            upgrade: Whether an older database is brought to the newest version, or refused.
            schema: What the tables should be.

        Raises:
            DatabaseVersionError: It is at another version.
            ConfigurationError: It is out of reach, its file cannot be made, or an upgrade failed.
        """
        database = cls(url)
        try:
            version = database.version(schema)
            if version is None or (upgrade and version in schema.older):
                before, version = version, database.migrate(upgrade=upgrade, schema=schema)
                if before is not None:
                    _log.info("upgraded the database to version %s", version)
            schema.check(version)
        except BaseException:
            database.close()
            raise
        return database

    def version(self, schema: Schema = SCHEMA) -> str | None:
        """Return the version that the database is at, None where it is empty.

        Raises:
            ConfigurationError: It is out of reach, or none of SERVER1's.
        """
        try:
            with self.reading() as connection:
                return schema.version_of(connection)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database {_shown(self._url)} cannot be used ({type(error).__name__}).",
                "Start it, or mend SERVER1_DATABASE_URL.",
            ) from None

    def migrate(self, *, upgrade: bool = True, schema: Schema = SCHEMA) -> str:
        """Bring the database to the newest version in one transaction: wholly, or not at all.

        Args:
            upgrade: False makes the tables of an empty database, and leaves any other alone.
            schema: What the tables should be.

        Returns:
            The version that it is at now; one that this code does not know is left alone.

        Raises:
            ConfigurationError: That failed, and the database is as it was.
        """
        try:
            with self._one_at_a_time(), self._writer.connect() as connection:
                return schema.migrate(connection, upgrade=upgrade)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database could not be brought to version {schema.newest} "
                f"({_reason(error)}). It is as it was.",
                "Mend that, and try again.",
            ) from None

    def refuse(self, refusal: ConfigurationError) -> None:
        """Raise *refusal* in the place of every transaction from now on."""
        self._refusal = refusal

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads. It sees one state of the database throughout.

        Raises:
            RuntimeError: This thread has a transaction open already.
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
        """
        with self._one_at_a_time(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is undone when an exception leaves it.

        On SQLite it takes the one write lock at once: a transaction that reads first and wants
        to write later can be refused then.

        Raises:
            RuntimeError: This thread has a transaction open already.
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach, or locked for too long.
        """
        afterwards: list[Callable[[], None]] = []
        with self._one_at_a_time(afterwards), self._writer.begin() as connection:
            yield connection
        for act in afterwards:
            act()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something once this thread's writing transaction is committed; never if it is not.

        Raises:
            RuntimeError: No such transaction is open.
        """
        if self._thread.__dict__.get("afterwards") is None:
            raise RuntimeError("no writing transaction is open in this thread")
        self._thread.afterwards.append(act)

    def check(self) -> None:
        """Make sure that every table can be read.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: One cannot.
        """
        with self.reading() as connection:
            for table in metadata.sorted_tables:
                connection.execute(select(literal(1)).select_from(table).limit(1))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _one_at_a_time(self, afterwards: list[Callable[[], None]] | None = None) -> Iterator[None]:
        # On SQLite the inner transaction would wait for the outer one, which waits for it.
        if getattr(self._thread, "busy", False):
            raise RuntimeError("a transaction is already open in this thread")
        if self._refusal is not None:
            raise self._refusal
        self._thread.busy = True
        self._thread.afterwards = afterwards
        try:
            yield
        finally:
            self._thread.busy = False
            self._thread.afterwards = None


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that knows ON CONFLICT and RETURNING, in the database's own dialect."""
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin the INSERT of ``insert_into``, without a connection."""
    # A process uses one of the two, and importing either takes its time.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _sqlite_engine(url: URL, patience: float) -> Engine:
    _create_private_file(url)
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": patience},
        pool_size=MOST_THREADS,
        max_overflow=0,
        pool_timeout=patience,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(url: URL, patience: float) -> Engine:
    from .impatient_postgresql import be_impatient  # psycopg is not there where SQLite is used

    milliseconds = int(patience * 1000)
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={
            "connect_timeout": math.ceil(patience),
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        },
        pool_size=MOST_THREADS,
        max_overflow=0,
        pool_timeout=patience,
        pool_pre_ping=True,
    )
    be_impatient(engine)
    return engine


def _create_private_file(url: URL) -> None:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It will hold password hashes; SQLite gives its side files the same mode.
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The database {shown(path)} cannot be made ({error.strerror}).",
            "SERVER1_INSTANCE or SERVER1_DATABASE_URL names a place that this user may use.",
        ) from None


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: see _begin_sqlite
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while not _turned_to_wal(connection):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("another process holds the database")
        time.sleep(0.01)


def _turned_to_wal(connection: sqlite3.Connection) -> bool:
    # Of several processes that turn a new file to WAL at once, all but one are told at once that
    # it is locked: SQLite's own patience does not cover this.
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        return False
    return True


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(_WRITING, False)
    statement = "BEGIN IMMEDIATE" if writing else "BEGIN"
    try:
        # SQLAlchemy's way round costs as much as the query that follows.
        _driver_of(connection).execute(statement)
    except sqlite3.Error as error:  # locked for too long, or damaged: a 503, not a 500
        raise DatabaseError(statement, None, error) from error


def _driver_of(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _shown(url: URL) -> str:
    # Without the query, which may hold a password as well.
    bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return shown(bare.render_as_string())


def _reason(error: SQLAlchemyError) -> str:
    # Never the text of the error: PostgreSQL's quotes the row.
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
