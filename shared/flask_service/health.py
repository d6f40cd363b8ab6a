"""What a supervisor asks: does the process live, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flask import Flask
from sqlalchemy import Table, literal, select
from sqlalchemy.exc import SQLAlchemyError

from .database import database
from .error_pages import RETRY_AFTER, log_database_error

OK, UNAVAILABLE = "ok", "unavailable"

_Answer = tuple[dict[str, str | float | None], int, dict[str, str]]


def init_app(
    app: Flask,
    *,
    tables: Iterable[Table],
    others: Callable[[], Mapping[str, str]] = dict,
    about: Callable[[], Mapping[str, float | None]] = dict,
) -> None:
    """Add ``/healthz``, which answers as long as the process lives, and ``/readyz``.

    The latter answers a JSON object: what the work depends on, each ``ok`` or ``unavailable``. Its
    status is 200 when all are ok, else 503.

    Args:
        app: One with a database.
        tables: Those of the database that have to be there.
        others: Tells what the work depends on beside the database, and how each is.
        about: Tells what else a supervisor may want to know; it does not count.
    """
    checked = [select(literal(1)).select_from(table).limit(1) for table in tables]

    def readyz() -> _Answer:
        state = {"database": OK}
        try:
            with database().reading() as connection:
                for statement in checked:
                    connection.execute(statement)
        except SQLAlchemyError as error:
            log_database_error(error)
            state["database"] = UNAVAILABLE
        state |= others()
        ready = set(state.values()) == {OK}
        status, headers = (200, {}) if ready else (503, {"Retry-After": str(RETRY_AFTER)})
        return {**state, **about()}, status, headers

    app.add_url_rule("/healthz", "health.healthz", healthz)
    app.add_url_rule("/readyz", "health.readyz", readyz)


def healthz() -> tuple[str, int, dict[str, str]]:
    """Answer 200 as long as the process answers at all."""
    return "ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"}
