"""Transactions on a SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from .engines import FILE, identity_of
from .transactions import Transactions, driver_of


class SQLiteTransactions(Transactions):
    """Begins transactions; those that write take the one write lock at once.

    Args:
        engine, most, timeout: See ``Transactions``.
        file: Its database.
    """

    def __init__(self, engine: Engine, most: int, timeout: timedelta, file: Path) -> None:
        super().__init__(engine, most, timeout)
        self._file = str(file)  # a Path is made text anew each time

    def close(self) -> None:
        """Close the connections, with all that was written in the one file: it can be copied."""
        with suppress(IndexError, SQLAlchemyError, sqlite3.Error):
            last = self._idle.pop()
            try:
                driver = driver_of(last)
                driver.execute("PRAGMA busy_timeout = 0")  # for whoever reads, a worker has no time
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._drop(last)
        super().close()

    def _start(self, driver: Any, *, writes: bool) -> None:
        statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
        try:
            driver.execute(statement)
        except sqlite3.Error as error:  # locked for too long, or damaged: a 503, not a 500
            raise DatabaseError(statement, None, error) from error

    def _rest(self, driver: Any) -> None:
        pass

    def _is_usable(self, connection: Connection) -> bool:
        return bool(connection.info[FILE] == identity_of(self._file))

    def _is_full(self, error: SQLAlchemyError) -> bool:
        return False
