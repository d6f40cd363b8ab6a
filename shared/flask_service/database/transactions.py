"""Transactions begun and ended in the driver, on connections that are kept open between two.

Taking a connection from SQLAlchemy's pool, and its account of a transaction, cost more than most
queries. Who finds no connection, and may not open one more, waits until another one is idle.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError, TimeoutError

RETRY_AFTER = 0.25  # seconds, where the database takes no more connections


class Transactions(ABC):
    """Begins transactions on kept connections of one engine, which is from ``make_engine``.

    Args:
        engine: Its pool has room for as many.
        most: How many connections may be open at once.
        timeout: How long to wait for one.
    """

    def __init__(self, engine: Engine, most: int, timeout: timedelta) -> None:
        self._engine = engine
        self.driver_error = cast(type[Exception], engine.dialect.loaded_dbapi.Error)
        self._most = most
        self._timeout = timeout.total_seconds()
        self._opened = self._waiting = 0
        self._changed = threading.Condition()
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
            self._drop(idle.pop())

    def keep(self, connection: Connection, driver: Any, idle: deque[Connection]) -> None:
        """Take back a connection whose transaction was committed."""
        if idle is self._idle:
            self._rest(driver)
            idle.append(connection)
            if self._waiting:  # which counts itself before it looks for the last time
                self._notify()
        else:  # they were closed meanwhile
            self._drop(connection)

    def count_closed(self) -> None:
        """Note that a connection is closed, so that another one may be opened."""
        with self._changed:
            self._opened -= 1
            self._changed.notify()

    @abstractmethod
    def _start(self, driver: Any, *, writes: bool) -> None:
        """Begin the transaction."""

    @abstractmethod
    def _rest(self, driver: Any) -> None:
        """Note that the connection is idle from now on."""

    @abstractmethod
    def _is_usable(self, connection: Connection) -> bool:
        """Tell whether a connection that was idle is still one to the same database."""

    @abstractmethod
    def _is_full(self, error: SQLAlchemyError) -> bool:
        """Tell whether a connection is refused because there are as many as there may be."""

    def _take(self) -> Connection:
        try:
            kept = self._idle.pop()
            if self._is_usable(kept):
                return kept
            self._drop(kept)
            while True:  # the others are no better, and to ask each of them could take long
                self._drop(self._idle.pop())
        except IndexError:
            return self._open()

    def _open(self) -> Connection:
        failure: SQLAlchemyError = TimeoutError("no connection to the database was free in time")
        ends_at, open_from = time.monotonic() + self._timeout, 0.0
        while True:
            kept = self._wait(open_from, ends_at, failure)
            if kept is None:
                try:
                    return self._engine.connect()
                except BaseException as error:
                    self.count_closed()
                    if not isinstance(error, SQLAlchemyError) or not self._is_full(error):
                        raise
                    failure, open_from = error, time.monotonic() + RETRY_AFTER
            elif self._is_usable(kept):
                return kept
            else:
                self._drop(kept)

    def _wait(
        self, open_from: float, ends_at: float, failure: SQLAlchemyError
    ) -> Connection | None:
        """Wait for an idle connection; return None when one may be opened, which counts already."""
        with self._changed:
            self._waiting += 1
            try:
                while not self._idle:
                    now = time.monotonic()
                    if self._opened < self._most and now >= open_from:
                        self._opened += 1
                        return None
                    if now >= ends_at:
                        raise failure
                    self._changed.wait((open_from if now < open_from else ends_at) - now)
                return self._idle.pop()
            except IndexError:  # another thread was faster
                return self._wait(open_from, ends_at, failure)
            finally:
                self._waiting -= 1

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify()

    def _drop(self, connection: Connection) -> None:
        connection.invalidate()
        connection.close()
        self.count_closed()


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
        self._origin.count_closed()


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.dbapi_connection
