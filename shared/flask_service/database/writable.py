"""Whether a database can be worked with now: asked by doing it, in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from .transactions import Transactions, driver_of

LIMIT = timedelta(seconds=2)  # for a lock and for an answer: whoever asks is in a hurry
_MILLISECONDS = LIMIT // timedelta(milliseconds=1)


def check_writable(
    engine: sa.Engine, transactions: Transactions, tables: Iterable[sa.Table]
) -> None:
    """Read from each of the tables, and write as much as a sign-in does. Nothing of it stays.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach, full, locked for more than
            two seconds or for reading only; or a table or a column is missing, or may not be
            written to.
    """
    if engine.dialect.name == "sqlite":
        _check_sqlite(engine, tables)
    else:
        _check_postgresql(transactions, tables)


def _check_sqlite(engine: sa.Engine, tables: Iterable[sa.Table]) -> None:
    with engine.connect() as connection:
        driver = driver_of(connection)
        try:
            driver.execute(f"PRAGMA busy_timeout = {_MILLISECONDS}")
            driver.execute("PRAGMA cache_size = 2")
            with connection.begin() as transaction:
                _read(connection, tables)
                # More than is cached, so that it reaches the disk though it is never committed.
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES (zeroblob(65536))")
                transaction.rollback()
        finally:
            connection.invalidate()  # its settings are for nobody else


def _check_postgresql(transactions: Transactions, tables: Iterable[sa.Table]) -> None:
    from .postgresql_timeouts import set_answer_timeout  # psycopg is not there where SQLite is used

    transaction = transactions.begin(writes=True)
    connection = transaction.connection
    try:
        set_answer_timeout(connection, LIMIT + timedelta(seconds=1))
        for timeout in ("statement_timeout", "lock_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {timeout} = {_MILLISECONDS}")
        tables = [*tables]
        _read(connection, tables)
        # As each write does: it waits for a dump or a migration, and asks for the right to write.
        names = ", ".join(map(connection.dialect.identifier_preparer.format_table, tables))
        if names:
            connection.exec_driver_sql(f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        connection.rollback()
    except BaseException:
        transaction.undo()
        raise
    transaction.commit()  # of nothing: the connection is kept for the next one


def _read(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    for table in tables:
        connection.execute(sa.select(table).limit(1))
