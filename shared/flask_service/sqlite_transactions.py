"""Transactions on a SQLite file, begun and ended in the driver.

Taking a connection from SQLAlchemy's pool, and its account of a transaction, cost more than most
queries. So connections are kept open here between two transactions.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from .engines import FILE, identity_of


class SQLiteTransactions:
    """Begins transactions on kept connections of one engine.

    Args:
        engine: From ``make_engine``.
        file: Its database.
    """

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file
        self._idle: deque[Connection] = deque()

    @contextmanager
    def begin(self, *, writes: bool) -> Iterator[Connection]:
        """Open a transaction; it is undone when an exception leaves the block.

        Args:
            writes: It takes the one write lock at once.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The file cannot be used, or is locked for too long.
        """
        idle, connection = self._idle, self._take()
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        try:
            _run(driver, "BEGIN IMMEDIATE" if writes else "BEGIN")
            yield connection
            if connection.in_transaction():  # SQLAlchemy has executed something in it
                connection.commit()
            else:
                _run(driver, "COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                driver.rollback()  # after a COMMIT that failed SQLAlchemy's pool does not
            with suppress(SQLAlchemyError):
                connection.close()
            raise
        if idle is self._idle:
            idle.append(connection)
        else:  # they were closed meanwhile
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Close the connections; one that is in a transaction is closed at its end."""
        idle, self._idle = self._idle, deque()
        while idle:
            idle.pop().close()

    def _take(self) -> Connection:
        file = identity_of(self._file)
        with suppress(IndexError):
            while True:
                kept = self._idle.pop()
                if kept.info[FILE] == file:
                    return kept
                kept.invalidate()
                kept.close()
        return self._engine.connect()


def _run(driver: sqlite3.Connection, statement: str) -> None:
    try:
        driver.execute(statement)
    except sqlite3.Error as error:  # locked for too long, full, or damaged: a 503, not a 500
        raise DatabaseError(statement, None, error) from error
