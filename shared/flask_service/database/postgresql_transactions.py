"""Transactions on a PostgreSQL database."""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from .postgresql_timeouts import ANSWER_TIMEOUT, PING_TIMEOUT
from .transactions import Transactions, driver_of

LONGEST_UNASKED = 1.0  # seconds that a connection may be idle

# Of a database or a role that has as many connections as it may; the last is PgBouncer's.
_FULL = ("too many c", "remaining connection slots", "no more connections allowed")


class PostgreSQLTransactions(Transactions):
    """Begins transactions, on connections that have not been lost.

    A connection that was idle is asked for a sign of life, but not within a second of its last use:
    that would be a round trip for each transaction. The news that its server has ended it arrives
    by itself, and is seen without asking.
    """

    def _start(self, driver: Any, *, writes: bool) -> None:
        # psycopg begins before the first statement.
        if driver.limits:
            try:
                driver.execute(driver.limits)
            except psycopg.Error as error:
                raise DatabaseError("SET LOCAL", None, error) from error

    def _rest(self, driver: Any) -> None:
        driver.timeout = PING_TIMEOUT
        driver.idle_since = time.monotonic()

    def _is_usable(self, connection: Connection) -> bool:
        driver = driver_of(connection)
        try:
            if _has_news(driver) or time.monotonic() - driver.idle_since > LONGEST_UNASKED:
                self._engine.dialect.do_ping(driver)
        except psycopg.Error:
            return False
        driver.timeout = ANSWER_TIMEOUT
        return True

    def _is_full(self, error: SQLAlchemyError) -> bool:
        # A connection that is refused has no SQLSTATE, which would be 53300.
        text = str(getattr(error, "orig", ""))
        return any(words in text for words in _FULL)


def _has_news(driver: psycopg.Connection[Any]) -> bool:
    socket = select.poll()  # select.select() takes no descriptor above 1023
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))
