"""Transactions begun and ended in the driver, on connections that are kept open between two.

Taking a connection from SQLAlchemy's pool, and its account of a transaction, cost more than most
queries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError


class Transactions(ABC):
    """Begins transactions on kept connections of one engine, which is from ``make_engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.driver_error = cast(type[Exception], engine.dialect.loaded_dbapi.Error)
        self._idle: deque[Connection] = deque()

    def begin(self, *, writes: bool) -> Transaction:
        """Begin a transaction.

        Args:
            writes: On SQLite it takes the one write lock at once.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be used, or is locked for too long.
        """
        idle, connection = self._idle, self._take()
        transaction = Transaction(self, connection, idle)
        try:
            self._start(transaction.driver, writes=writes)
        except BaseException:
            transaction.undo()
            raise
        return transaction

    def close(self) -> None:
        """Close the connections; one that is in a transaction is closed at its end."""
        idle, self._idle = self._idle, deque()
        while idle:
            _drop(idle.pop())

    @abstractmethod
    def _start(self, driver: Any, *, writes: bool) -> None:
        """Begin the transaction."""

    @abstractmethod
    def _rest(self, driver: Any) -> None:
        """Note that the connection is idle from now on."""

    @abstractmethod
    def _is_usable(self, connection: Connection) -> bool:
        """Tell whether a connection that was idle is still one to the same database."""

    def _take(self) -> Connection:
        try:
            kept = self._idle.pop()
            if self._is_usable(kept):
                return kept
            _drop(kept)
            while True:  # the others are no better, and to ask each of them could take long
                _drop(self._idle.pop())
        except IndexError:
            return self._engine.connect()

    def keep(self, connection: Connection, driver: Any, idle: deque[Connection]) -> None:
        """Take back a connection whose transaction was committed."""
        if idle is self._idle:
            self._rest(driver)
            idle.append(connection)
        else:  # they were closed meanwhile
            _drop(connection)


class Transaction:
    """One that has begun. Whoever began it ends it, by ``commit`` or by ``undo``."""

    def __init__(
        self, origin: Transactions, connection: Connection, idle: deque[Connection]
    ) -> None:
        self.connection = connection
        self.driver = driver_of(connection)
        self._origin = origin
        self._idle = idle

    def commit(self) -> None:
        """Commit it; where that fails, it is undone.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It is undone.
        """
        try:
            if self.connection.in_transaction():  # SQLAlchemy has executed something in it
                self.connection.commit()
            else:
                self.driver.commit()
        except self._origin.driver_error as error:  # full, damaged, out of reach: a 503, no 500
            self.undo()
            raise DatabaseError("COMMIT", None, error) from error
        except BaseException:
            self.undo()
            raise
        self._origin.keep(self.connection, self.driver, self._idle)

    def undo(self) -> None:
        """Undo it, and give its connection up."""
        try:
            self.driver.rollback()  # after a COMMIT that failed SQLAlchemy's pool does not
        except self._origin.driver_error:
            self.connection.invalidate()
        with suppress(SQLAlchemyError):
            self.connection.close()


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection


def _drop(connection: Connection) -> None:
    connection.invalidate()
    connection.close()
