"""Timeouts of connections to PostgreSQL, for a server that is frozen or out of reach.

PostgreSQL itself keeps the time limits of a statement. A server that hangs keeps none, and without
this every thread of the application would wait for it.

Behind a pooler such as PgBouncer, the server's connection is another one in each transaction: there
the limits are set at the beginning of each, and no statement is prepared.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import timedelta
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Engine, event

PING_TIMEOUT = timedelta(seconds=2)  # for the sign of life of a connection that was idle
ANSWER_TIMEOUT = timedelta(seconds=6)  # above the server's own, which leave a connection good

_Answer = TypeVar("_Answer")


class TimeoutConnection(psycopg.Connection[TupleRow]):
    """Closes itself when an answer takes longer than its timeout."""

    timeout = PING_TIMEOUT
    idle_since = 0.0  # by the monotonic clock
    limits = ""  # what sets the limits of a transaction, where the connection itself has none

    def wait(self, gen: PQGen[_Answer], *arguments: Any, **options: Any) -> _Answer:
        """Wait as psycopg does, at most for the timeout.

        Raises:
            psycopg.OperationalError: There is no answer yet; the connection is closed.
        """
        return super().wait(self._watched(gen), *arguments, **options)

    def _watched(self, waiting: PQGen[_Answer]) -> Generator[Any, Any, _Answer]:
        ends_at = time.monotonic() + self.timeout.total_seconds()
        try:
            wanted = next(waiting)
            while True:
                # psycopg resumes this every tenth of a second, also when nothing has come.
                ready = yield wanted
                if not ready and time.monotonic() > ends_at:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("PostgreSQL does not answer")
                wanted = waiting.send(ready)
        except StopIteration as done:
            return cast(_Answer, done.value)


def set_timeouts(engine: Engine, milliseconds: int) -> None:
    """Let every connection of this engine give up on a server that does not answer in time.

    Args:
        milliseconds: For each statement and each lock, kept by the server.
    """
    limits = {"statement_timeout": milliseconds, "lock_timeout": milliseconds}
    kept = " ".join(f"-c {name}={value}" for name, value in limits.items())
    for_each = "; ".join(f"SET LOCAL {name} = {value}" for name, value in limits.items())

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> TimeoutConnection:
        given = f"{options.get('options', '')} {kept}".strip()
        try:
            driver = TimeoutConnection.connect(*arguments, **{**options, "options": given})
        except psycopg.OperationalError as error:
            if "startup parameter" not in str(error):  # what PgBouncer says; it does not translate
                raise
            driver = TimeoutConnection.connect(*arguments, **options)
        if _is_behind_a_pooler(driver):
            driver.prepare_threshold, driver.limits = None, for_each
        return driver

    @event.listens_for(engine, "begin")
    def limit(connection: Connection) -> None:
        driver = cast(TimeoutConnection, connection.connection.driver_connection)
        if driver.limits and driver.info.transaction_status is TransactionStatus.IDLE:
            driver.execute(driver.limits)

    @event.listens_for(engine, "checkout")
    def wait_for_answers(driver: TimeoutConnection, _record: object, _proxy: object) -> None:
        driver.timeout = ANSWER_TIMEOUT

    @event.listens_for(engine, "checkin")
    def wait_for_a_ping(driver: TimeoutConnection | None, _record: object) -> None:
        if driver is not None:  # it is, when the connection was given up
            driver.timeout = PING_TIMEOUT


def _is_behind_a_pooler(driver: TimeoutConnection) -> bool:
    # A pooler tells its clients a number of its own: it is not the server that they have for long.
    own = driver.execute("SELECT pg_backend_pid()").fetchone()
    driver.rollback()
    return own is None or own[0] != driver.info.backend_pid


def set_answer_timeout(connection: Connection, duration: timedelta) -> None:
    """Wait that long for each answer to this connection, to the end of its transaction."""
    cast(TimeoutConnection, connection.connection.driver_connection).timeout = duration
