"""What a supervisor asks: may this process get traffic, and can people sign in?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flask import Flask
from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from .database import database
from .error_pages import RETRY_AFTER, log_database_error

OK, UNAVAILABLE = "ok", "unavailable"
PATHS = ("/healthz", "/readyz")  # a supervisor may ask under any host, such as an IP address

_State = Mapping[str, str | float | None]


def init_app(app: Flask, *, tables: Iterable[Table], others: Callable[[], _State] = dict) -> None:
    """Add ``/healthz``, which answers as long as the process lives, and ``/readyz``.

    The latter answers a JSON object: what the work depends on, each ``ok`` or ``unavailable``, and
    what else a supervisor may want to know. Its status is 503 when one is unavailable, else 200.
    The database counts as ``ok`` when it was written to just now.

    Args:
        app: One with a database.
        tables: Those of the database that have to be there.
        others: Returns what that object holds beside the database.
    """
    checked = [*tables]

    def readyz() -> tuple[_State, int, dict[str, str]]:
        database_state = OK
        try:
            database().check_writable(checked)
        except SQLAlchemyError as error:
            log_database_error(error)
            database_state = UNAVAILABLE
        state = {"database": database_state, **others()}
        if UNAVAILABLE in state.values():
            return state, 503, {"Retry-After": str(RETRY_AFTER)}
        return state, 200, {}

    app.add_url_rule("/healthz", "health.healthz", healthz)
    app.add_url_rule("/readyz", "health.readyz", readyz)


def healthz() -> tuple[str, int, dict[str, str]]:
    """Answer 200 as long as the process answers at all."""
    return "ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"}
