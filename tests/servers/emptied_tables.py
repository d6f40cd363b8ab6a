"""SERVER1's tables in PostgreSQL, made once for many tests: each finds them empty."""

from contextlib import closing

import sqlalchemy
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.exc import ProgrammingError

from flask_service.database import Database
from server1.db import SCHEMA
from tests.conftest import GIVE_UP, empty_postgresql, run_sql, run_subqueries_for_each_row


class EmptiedTables:
    """A database of our own, in which the tables stay.

    To make them takes longer than most tests, and so does TRUNCATE for as many as these.
    """

    def __init__(self, url):
        self.url = url
        self._make_tables()
        self._deletion = deletion_of_all_rows(url)
        run_subqueries_for_each_row(url)

    def empty(self):
        """Delete all rows, and count anew; tables that a test has dropped are made again."""
        try:
            run_sql(self.url, GIVE_UP, self._deletion)
        except ProgrammingError:
            empty_postgresql(self.url)
            self._make_tables()

    def _make_tables(self):
        with closing(Database(make_url(self.url), SCHEMA)) as database:
            database.prepare()


def deletion_of_all_rows(url):
    """Return the SQL for it, as one text: one way to the server and back."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    found = MetaData()
    found.reflect(engine)
    tables = [each.name for each in found.sorted_tables if each.name != "alembic_version"]
    sequences = text("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
    with engine.connect() as connection:
        counted = [name for (name,) in connection.execute(sequences)]
    return "; ".join(
        [
            *(f"DELETE FROM {name}" for name in reversed(tables)),  # noqa: S608
            *(f"SELECT setval('{name}', 1, false)" for name in counted),
        ]
    )
