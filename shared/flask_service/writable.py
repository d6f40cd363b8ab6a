"""Whether a database can be worked with now: asked by doing it, in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from .transactions import driver_of

LIMIT = timedelta(seconds=2)  # for a lock and for an answer: whoever asks is in a hurry
_MILLISECONDS = LIMIT // timedelta(milliseconds=1)

# The version's row is there in every database that was prepared.
_CHANGE = {
    # Longer than what is cached, so that it reaches the disk though it is never committed.
    "sqlite": "INSERT INTO alembic_version (version_num) VALUES (zeroblob(65536))",
    "postgresql": "UPDATE alembic_version SET version_num = version_num",
}


def check_writable(engine: sa.Engine, tables: Iterable[sa.Table]) -> None:
    """Read from each of the tables, and write as much as a sign-in does. Nothing of it stays.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach, full, locked for more than
            two seconds or for reading only; or one of the tables is missing.
    """
    with engine.connect() as connection, _HURRY[engine.dialect.name](connection):
        for table in tables:
            connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1))
        connection.exec_driver_sql(_CHANGE[engine.dialect.name])


@contextmanager
def _hurry_on_sqlite(connection: sa.Connection) -> Iterator[None]:
    driver: Any = driver_of(connection)
    try:
        driver.execute(f"PRAGMA busy_timeout = {_MILLISECONDS}")
        driver.execute("PRAGMA cache_size = 2")
        with connection.begin() as transaction:
            yield
            transaction.rollback()
    finally:
        connection.invalidate()  # its settings are for nobody else


@contextmanager
def _hurry_on_postgresql(connection: sa.Connection) -> Iterator[None]:
    from .postgresql_timeouts import set_answer_timeout  # psycopg is not there where SQLite is used

    set_answer_timeout(connection, LIMIT + timedelta(seconds=1))
    with connection.begin() as transaction:
        for timeout in ("statement_timeout", "lock_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {timeout} = {_MILLISECONDS}")
        yield
        transaction.rollback()


_HURRY = {"sqlite": _hurry_on_sqlite, "postgresql": _hurry_on_postgresql}
