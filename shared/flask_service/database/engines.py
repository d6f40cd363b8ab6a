"""SQLAlchemy's engines for SQLite and PostgreSQL, set up for a web application."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

MOST_OPEN = 96  # connections of one process: one a thread, and 64 of these are for requests
FILE = "flask_service_file"  # where the info of a connection keeps which SQLite file it has open


def make_engine(url: URL, timeout: timedelta, connections: int = MOST_OPEN) -> Engine:
    """Return an engine for a SQLite file or a PostgreSQL database.

    The timeout is for a lock, a connection or an answer, in whole milliseconds.
    """
    seconds = timeout.total_seconds()
    options = {
        "hide_parameters": True,
        "pool_size": connections,
        "max_overflow": 1,  # for what is asked beside the transactions, such as at the start
        "pool_timeout": seconds,
    }
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, seconds, options)
    return _postgresql_engine(url, seconds, options)


def _sqlite_engine(url: URL, timeout: float, options: Mapping[str, Any]) -> Engine:
    arguments = {"timeout": timeout, "isolation_level": None}  # see _begin_sqlite
    engine = create_engine(url, connect_args=arguments, **options)
    file = Path(url.database or "")

    @event.listens_for(engine, "do_connect")
    def make_file(*_arguments: object) -> None:
        with suppress(OSError):  # connecting fails next, and says why
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Nobody else may read what it will hold; SQLite gives its side files the same mode.
            file.touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info[FILE] = identity_of(file)
        _prepare_sqlite(connection, timeout)

    event.listen(engine, "begin", _begin_sqlite)

    # A file that was deleted or replaced lives on in the connections that have it open. What one
    # process writes there no other sees: a token could be used once here and once there.

    @event.listens_for(engine, "checkout")
    def follow_file(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info[FILE] != identity_of(file):
            raise DisconnectionError("the database is another file than before")

    return engine


def identity_of(file: Path | str) -> tuple[int, int] | None:
    """Return what tells a file from another in its place; None where there is none."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare_sqlite(connection: sqlite3.Connection, timeout: float) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + timeout
    while True:
        # Of several processes that turn a new file to WAL at once, all but one are refused at once:
        # SQLite's own timeout does not cover this.
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # A file that cannot be opened or written stays so.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    if driver.in_transaction:  # it was begun in the driver, see sqlite_transactions
        return
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:  # locked for too long, or damaged: a 503, not a 500
        raise DatabaseError("BEGIN IMMEDIATE", None, error) from error


def _postgresql_engine(url: URL, timeout: float, options: Mapping[str, Any]) -> Engine:
    from .postgresql_timeouts import set_timeouts  # psycopg is not there where SQLite is used

    engine = create_engine(
        url,
        connect_args={"connect_timeout": math.ceil(timeout)},
        isolation_level="READ COMMITTED",  # whatever the server's default is
        pool_pre_ping=True,
        **options,
    )
    set_timeouts(engine, int(timeout * 1000))
    return engine
