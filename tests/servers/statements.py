"""Which statements a server runs in its database."""

import re
from contextlib import contextmanager

from sqlalchemy import event

VALUES = re.compile(r"'(?:[^']|'')*'|\bNULL\b|\b\d+\b")


@contextmanager
def noted(database):
    """Note the statements that are run meanwhile, without their values.

    On PostgreSQL those alone that SQLAlchemy executes; SQLite tells of all.
    """
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_more):
        statements.append(statement)

    def keep(statement):
        if not statement.startswith("PRAGMA"):  # such as of a connection that is closed
            statements.append(VALUES.sub("?", statement))

    def trace(driver, _record):
        driver.set_trace_callback(keep)

    is_sqlite = database.engine.dialect.name == "sqlite"
    listener = ("connect", trace) if is_sqlite else ("before_cursor_execute", note)
    event.listen(database.engine, *listener)
    database.close()  # so that each connection is a new one
    try:
        yield statements
    finally:
        event.remove(database.engine, *listener)
        database.close()
