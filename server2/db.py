"""The database: its tables' one ``metadata``, and short transactions, reading or writing."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from flask import current_app
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from flask_handoff.claims import Clock, system_clock
from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import shown

from .schema import Schema

THREADS = 32  # of one server process; each holds at most one connection
WAIT = 5  # seconds, for a lock, a connection or an answer, before it is a 503
_log = logging.getLogger(__name__)

metadata = MetaData()
SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server2")


class Instant(TypeDecorator[datetime]):
    """A column of aware datetimes in UTC. SQLite keeps no zone: it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse an instant without a zone, which would be stored as another one."""
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware instant."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Database:
    """SERVER2's database and the clock that stamps its rows.

    Args:
        url: As in ``Config.database_url``.
        clock: Tells the time for every row.
    """

    def __init__(self, url: str, *, clock: Clock = system_clock) -> None:
        self.engine = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
        self.url = url
        self.now = clock
        self._reader = self.engine.execution_options(reading=True)
        # Makes an INSERT that knows ON CONFLICT, which both databases spell alike.
        self.insert = _insert_of(url)
        self._busy = threading.local()
        self._refusal: ConfigurationError | None = None

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a short transaction that only reads.

        Raises:
            RuntimeError: This thread has a transaction open.
            SQLAlchemyError: The database is out of reach; the request is answered 503.
        """
        return self._transaction(self._reader)

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a short transaction that may write, committed at the end of the block.

        Raises:
            RuntimeError: This thread has a transaction open.
            SQLAlchemyError: The database is out of reach or locked; the request is answered 503.
        """
        return self._transaction(self.engine)

    def prepare(self, *, upgrade: bool = False, schema: Schema = SCHEMA) -> None:
        """Make the tables of an empty database.

        Args:
            upgrade: Whether an older database is brought to the newest version, or refused.
            schema: What the tables should be.

        Raises:
            DatabaseVersionError: It is at another version.
            ConfigurationError: It is out of reach, or an upgrade failed.
        """
        try:
            version = self.version(schema)
            if version is None or (upgrade and version in schema.older):
                before, version = version, self.migrate(upgrade=upgrade, schema=schema)
                if before is not None:
                    _log.info("upgraded the database to version %s", version)
            schema.check(version)
        except BaseException:
            self.close()
            raise

    def version(self, schema: Schema = SCHEMA) -> str | None:
        """Return the version that the database is at, None where it is empty.

        Raises:
            ConfigurationError: It is out of reach, or none of SERVER2's.
        """
        try:
            with self.reading() as connection:
                return schema.version_of(connection)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database {_shown(self.engine.url)} cannot be used ({type(error).__name__}).",
                "Start it, or mend SERVER2_DATABASE_URL.",
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
            with self._one_at_a_time(), self.engine.connect() as connection:
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

    def close(self) -> None:
        """Close all connections; the next transaction opens new ones."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self._one_at_a_time(), engine.begin() as connection:
            yield connection

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        # A second connection would wait for the first one's lock, which waits for the second.
        if getattr(self._busy, "now", False):
            raise RuntimeError("one transaction at a time")
        if self._refusal is not None:
            raise self._refusal
        self._busy.now = True
        try:
            yield
        finally:
            self._busy.now = False


def database() -> Database:
    """Return the database of the current application."""
    found: Database = current_app.extensions["database"]
    return found


def _sqlite(url: str) -> Engine:
    file = Path(make_url(url).database or "")
    with suppress(OSError):  # which the first connection tells
        file.touch(mode=0o600)  # other users of the machine do not read notes
    engine = create_engine(
        url,
        pool_size=THREADS,
        max_overflow=0,
        pool_timeout=WAIT,
        hide_parameters=True,
        connect_args={"timeout": WAIT, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    _follow_the_file(engine, file)
    return engine


def _follow_the_file(engine: Engine, file: Path) -> None:
    # A file that was deleted or replaced lives on in the connections that have it open. What one
    # process writes there no other sees: a token could be used once here and once there.

    @event.listens_for(engine, "connect")
    def note(_connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def compare(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError("the database is another file than before")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for setting in ("synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")
    deadline = time.monotonic() + WAIT
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
    reading = connection.get_execution_options().get("reading", False)
    # A transaction that begins as a reader and writes later fails at once when another one wrote.
    # To the driver itself: SQLAlchemy's way round costs as much as the query that follows.
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    statement = "BEGIN" if reading else "BEGIN IMMEDIATE"
    try:
        driver.execute(statement)
    except sqlite3.Error as error:  # locked for too long, or damaged: a 503, not a 500
        raise DatabaseError(statement, None, error) from error


def _postgresql(url: str) -> Engine:
    from .impatient_postgresql import be_impatient  # psycopg is not there where SQLite is used

    engine = create_engine(
        url,
        pool_size=THREADS,
        max_overflow=0,
        pool_timeout=WAIT,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": WAIT,
            "options": f"-c statement_timeout={WAIT}s -c lock_timeout={WAIT}s",
        },
    )
    be_impatient(engine)
    return engine


def _insert_of(url: str) -> Callable[[Table], Any]:
    # A process uses one of the two, and importing either takes its time.
    if url.startswith("sqlite"):
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert


def _shown(url: URL) -> str:
    # Without the query, which may hold a password as well.
    bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return shown(bare.render_as_string())


def _reason(error: SQLAlchemyError) -> str:
    # Never the text of the error: PostgreSQL's quotes the row.
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
