"""The databases of both servers: as the first version left them, and what they look like."""

import pkgutil
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

import sqlalchemy
from sqlalchemy import inspect, make_url, text

import server1
import server1.db
import server2
import server2.db
from tests.conftest import run_sql

FIRST_VERSIONS = Path(__file__).parent / "first_version"
"""Dumps of databases that 0.1.0 made, by ``sqlite3 FILE .dump`` and ``pg_dump --inserts``."""

STEP = '''
"""A step of the tests."""

revision = "9999"
down_revision = {before!r}


def upgrade(op):
    op.execute("CREATE TABLE of_a_test (id INTEGER PRIMARY KEY)")
    {body}
'''
"""One version more."""


class Server1:
    """SERVER1's database at *url*."""

    name = "server1"
    db = server1.db

    def __init__(self, url):
        self.url = url

    def open(self, *, upgrade=False, schema=server1.db.SCHEMA):
        self.db.Database.open(make_url(self.url), upgrade=upgrade, schema=schema).close()

    def database(self):
        return self.db.Database(make_url(self.url))

    def version(self):
        with closing(self.database()) as database:
            return database.version()


class Server2(Server1):
    """SERVER2's database at *url*."""

    name = "server2"
    db = server2.db

    def open(self, *, upgrade=False, schema=server2.db.SCHEMA):
        with closing(self.database()) as database:
            database.prepare(upgrade=upgrade, schema=schema)

    def database(self):
        return self.db.Database(self.url)


SERVERS = [Server1, Server2]


def every_module(package):
    """Import all modules of a server, and with them all tables that it defines."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def connected(url):
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    return engine.begin()


def put_first_version(server):
    """Make the database that the first version left behind, with its rows."""
    url = make_url(server.url)
    kind = url.get_backend_name()
    dump = (FIRST_VERSIONS / f"{server.name}.{kind}.sql").read_text()
    if kind == "postgresql":
        run_sql(server.url, dump)
        return
    connection = sqlite3.connect(url.database)
    connection.executescript(dump)
    connection.close()


def rows_of(url, tables):
    """Return all rows of these tables, each row as a set of pairs."""
    with connected(url) as connection:
        return {
            table: [
                sorted(row.items())
                for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()  # noqa: S608
            ]
            for table in sorted(tables)
        }


def described(url):
    """Return all that a database says about its tables, whatever the order of their columns."""
    with connected(url) as connection:
        look = inspect(connection)
        return {name: described_table(connection, look, name) for name in look.get_table_names()}


def described_table(connection, look, name):
    return {
        "columns": {column["name"]: spelt(column) for column in look.get_columns(name)},
        "primary key": look.get_pk_constraint(name),
        "foreign keys": in_order(look.get_foreign_keys(name)),
        "unique": in_order(look.get_unique_constraints(name)),
        "indexes": in_order(look.get_indexes(name)),
        "checks": in_order(look.get_check_constraints(name)),
        "SQLite": sqlite_options(connection, name),
    }


def sqlite_options(connection, name):
    """Return what SQLAlchemy does not ask SQLite for: WITHOUT ROWID, STRICT, AUTOINCREMENT."""
    if connection.dialect.name != "sqlite":
        return None
    query = text("SELECT wr, strict FROM pragma_table_list WHERE name = :name")
    options = connection.execute(query, {"name": name}).one()
    query = text("SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = :name")
    return (*options, connection.execute(query, {"name": name}).scalar_one())


def spelt(column):
    return {key: str(value) for key, value in column.items()}


def in_order(found):
    return sorted(found, key=str)
