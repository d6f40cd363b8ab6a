"""Timeouts of connections to PostgreSQL, for a server that is frozen or out of reach.

PostgreSQL itself keeps the time limits of a statement. A server that hangs keeps none, and without
this every thread of the application would wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import timedelta
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Engine, event

PING_TIMEOUT = timedelta(seconds=2)  # for the sign of life of a connection that was idle
ANSWER_TIMEOUT = timedelta(seconds=6)  # above the server's own, which leave a connection good

_Answer = TypeVar("_Answer")


class TimeoutConnection(psycopg.Connection[TupleRow]):
    """Closes itself when an answer takes longer than its timeout."""

    timeout = PING_TIMEOUT
    idle_since = 0.0  # by the monotonic clock

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


def set_timeouts(engine: Engine) -> None:
    """Let every connection of this engine give up on a server that does not answer in time."""

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> TimeoutConnection:
        return TimeoutConnection.connect(*arguments, **options)

    @event.listens_for(engine, "checkout")
    def wait_for_answers(driver: TimeoutConnection, _record: object, _proxy: object) -> None:
        driver.timeout = ANSWER_TIMEOUT

    @event.listens_for(engine, "checkin")
    def wait_for_a_ping(driver: TimeoutConnection | None, _record: object) -> None:
        if driver is not None:  # it is, when the connection was given up
            driver.timeout = PING_TIMEOUT


def set_answer_timeout(connection: Connection, duration: timedelta) -> None:
    """Wait that long for each answer to this connection, to the end of its transaction."""
    cast(TimeoutConnection, connection.connection.driver_connection).timeout = duration
