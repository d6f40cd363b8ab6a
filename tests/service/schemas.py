"""The databases of both servers: with rows in every table, and what they look like."""

import pkgutil
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module

import sqlalchemy
from sqlalchemy import insert, inspect, make_url, text

import server1
import server1.db
import server2
import server2.db
from flask_service.database import Database

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

    def open(self, *, upgrade=False, schema=None):
        with closing(self.database(schema)) as database:
            database.prepare(upgrade=upgrade)

    def database(self, schema=None):
        return Database(make_url(self.url), schema or self.db.SCHEMA)

    def version(self):
        with closing(self.database()) as database:
            return database.version()


class Server2(Server1):
    """SERVER2's database at *url*."""

    name = "server2"
    db = server2.db


SERVERS = [Server1, Server2]

for package in (server1, server2):  # the modules define the tables
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def connected(url):
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    return engine.begin()


def fill(server):
    """Make the tables of a server's newest version, and put two rows into each."""
    server.open()
    with connected(server.url) as connection:
        for table in server.db.SCHEMA.metadata.sorted_tables:
            columns = [each for each in table.c if each is not table.autoincrement_column]
            rows = [{each.name: example(each, number) for each in columns} for number in (1, 2)]
            connection.execute(insert(table), rows)


def example(column, number):
    """Return a value for a column: the same for a row and for what refers to it."""
    return {
        bool: True,
        datetime: datetime(2026, 1, number, tzinfo=UTC),
        int: number,
        str: str(number),
    }[getattr(column.type, "impl", column.type).python_type]


def rows_of(url, tables):
    """Return all rows of these tables, each as a dictionary, in an order of their own."""
    with connected(url) as connection:
        found = {name: connection.execute(text(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608
        return {name: in_order(map(dict, rows.mappings())) for name, rows in found.items()}


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
