"""The versions of the database's schema: which one a database is at, and the way to the newest.

A version is a file in a server's ``migrations/versions``, whose name begins with the version's
number. A database keeps its number in Alembic's own table.

Alembic itself is loaded only when there is something to upgrade.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import sqlalchemy as sa

from flask_handoff import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

UPGRADE_TIMEOUT = timedelta(minutes=10)  # for another process's upgrade, and for each statement
_MILLISECONDS = UPGRADE_TIMEOUT // timedelta(milliseconds=1)
_LOCK = 0x5E7E72  # PostgreSQL's advisory lock: of all processes, one changes the schema

_MIGRATIONS = Path(__file__).with_name("migrations")  # what Alembic runs at every upgrade

# As Alembic itself would make it.
_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class DatabaseVersionError(ConfigurationError):
    """The database is at another version than this code, or is not this server's."""


class Schema(NamedTuple):
    """What the tables of a database should be."""

    metadata: sa.MetaData  # the tables of the newest version
    migrations: Path  # the directory whose ``versions`` lead from one version to the next
    package: str  # the server's, as ``flask --app`` and in capitals its settings are named

    @property
    def settings(self) -> str:
        """The settings that say where the database is, for the person who has to correct them."""
        return f"{self.package.upper()}_DATABASE_URL or {self.package.upper()}_INSTANCE"

    @property
    def versions(self) -> list[str]:
        """All versions that this code knows, the oldest first."""
        files = (self.migrations / "versions").glob("[0-9]*.py")
        return sorted(file.name.partition("_")[0] for file in files)

    @property
    def newest(self) -> str:
        """The version that this code works with."""
        return self.versions[-1]

    def version_of(self, connection: sa.Connection) -> str | None:
        """Return the version that a database is at, None where it is empty.

        Raises:
            DatabaseVersionError: Its tables are not those that there should be.
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
        """
        tables = set(sa.inspect(connection).get_table_names())
        version: str | None = None
        if _version.name in tables:
            version = connection.execute(sa.select(_version.c.version_num)).scalar_one_or_none()
        ours = tables & self.metadata.tables.keys()
        if version is None and ours:
            raise self._refusal(f"has tables ({', '.join(sorted(ours))}) but no version")
        if version == self.newest and (missing := sorted(self._missing(connection))):
            raise self._refusal(f"lacks {', '.join(missing)}")
        return version

    def check(self, version: str) -> None:
        """Make sure that a database of this version can be worked with.

        Raises:
            DatabaseVersionError: It is older, or newer.
        """
        if version == self.newest:
            return
        name = self.package.upper()
        if version in self.versions:
            raise DatabaseVersionError(
                f"The database is at version {version}, and this {name} needs {self.newest}.",
                f"Back it up, then run: flask --app {self.package} database upgrade",
            )
        raise DatabaseVersionError(
            f"The database is at version {version!r}, and this {name} knows none after "
            f"{self.newest}.",
            f"Start the newer {name} that it was upgraded for, restore a backup, or remove a "
            "demo's data of an earlier checkout: make clean",
        )

    def migrate(self, connection: sa.Connection, *, upgrade: bool) -> str:
        """Bring a database to the newest version, as ``Database.migrate`` does.

        The connection may write, and has no transaction open.

        Raises:
            ConfigurationError: Rows would refer to others that are not there.
            sqlalchemy.exc.SQLAlchemyError: That failed.
        """
        with _CHANGING[connection.dialect.name](connection):
            version = self.version_of(connection)
            if version is None:
                self.metadata.create_all(connection)
                _version.create(connection, checkfirst=True)
                connection.execute(sa.insert(_version).values(version_num=self.newest))
            elif upgrade and version in self.versions and version != self.newest:
                from alembic import command

                command.upgrade(self.alembic_config(connection), "head")
            else:
                return version
        return self.newest

    def alembic_config(self, connection: sa.Connection) -> Config:
        """Return what Alembic's commands ask for, to run in the transaction that is open."""
        from alembic.config import Config

        config = Config(attributes={"connection": connection, "metadata": self.metadata})
        config.set_main_option("script_location", _escaped(_MIGRATIONS))
        config.set_main_option("version_locations", _escaped(self.migrations / "versions"))
        config.set_main_option("path_separator", "newline")  # a path may hold any other
        return config

    def _missing(self, connection: sa.Connection) -> Iterator[str]:
        """Name the tables and columns that there should be and are not."""
        found = sa.inspect(connection).get_multi_columns(filter_names=list(self.metadata.tables))
        for name, table in self.metadata.tables.items():
            there = {column["name"] for column in found.get((None, name), ())}
            lost = set(table.columns.keys()) - there
            yield from (f"{name}.{column}" for column in lost) if there else [name]

    def _refusal(self, fault: str) -> DatabaseVersionError:
        name = self.package.upper()
        return DatabaseVersionError(
            f"The database {fault}: it is not {name}'s, was damaged, or is of an earlier checkout.",
            f"Correct {self.settings}, restore a backup, or remove a demo's data: make clean",
        )


@contextmanager
def _changing_sqlite(connection: sa.Connection) -> Iterator[None]:
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    driver.execute(f"PRAGMA busy_timeout = {_MILLISECONDS}")
    # SQLite changes a column by a new table in the place of the old one. With this on, the rows
    # that refer to the old one would be deleted along with it.
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():
            before = _lost_references(connection)
            yield
            if _lost_references(connection) > before:
                raise ConfigurationError(
                    "Rows would refer to others that are not there, so the upgrade was undone.",
                    "Upgrade a copy of the database, and look with PRAGMA foreign_key_check.",
                )
    finally:
        connection.invalidate()  # its settings are for nobody else


def _lost_references(connection: sa.Connection) -> int:
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())


@contextmanager
def _changing_postgresql(connection: sa.Connection) -> Iterator[None]:
    from .postgresql_timeouts import set_answer_timeout  # psycopg is not there where SQLite is used

    # A stricter isolation would show the database as it was before the wait for the lock.
    connection.execution_options(isolation_level="READ COMMITTED")
    set_answer_timeout(connection, UPGRADE_TIMEOUT + timedelta(seconds=1))
    with connection.begin():
        for timeout in ("statement_timeout", "lock_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {timeout} = {_MILLISECONDS}")
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        yield


_CHANGING = {"sqlite": _changing_sqlite, "postgresql": _changing_postgresql}


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
