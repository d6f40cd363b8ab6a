"""The versions of the database's schema: which one a database is at, and the way to the newest.

A version is a file in ``migrations/versions``, whose name begins with the version's number. A
database keeps its number in Alembic's own table. The first version kept none: its tables tell it.

Alembic itself is loaded only when there is something to upgrade.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)

from flask_handoff.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

FIRST = "0001"
TABLES_OF_FIRST = frozenset({"accounts", "sessions", "notes", "handoff_replay"})
MIGRATIONS = Path(__file__).with_name("migrations")

PATIENCE = timedelta(minutes=10)  # for another process's upgrade, and for each statement of an own
_LOCK = 0x5E7E72  # PostgreSQL's advisory lock: of all processes, one changes the schema

# As Alembic itself would make it.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class DatabaseVersionError(ConfigurationError):
    """The database is at another version than this code, or is none of this server's."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What the tables of a database should be.

    Args:
        metadata: The tables of the newest version.
        migrations: The directory in which Alembic finds the steps from one version to the next.
    """

    metadata: MetaData
    migrations: Path = MIGRATIONS

    @property
    def versions(self) -> list[str]:
        """All versions that this code knows, the oldest first."""
        files = (self.migrations / "versions").glob("[0-9]*.py")
        return sorted(file.name.partition("_")[0] for file in files)

    @property
    def older(self) -> list[str]:
        """The versions that can be upgraded."""
        return self.versions[:-1]

    @property
    def newest(self) -> str:
        """The version that this code works with."""
        return self.versions[-1]

    def version_of(self, connection: Connection) -> str | None:
        """Return the version that a database is at, None where it is empty.

        Raises:
            DatabaseVersionError: There are tables, but not those that there should be.
            sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
        """
        tables = set(inspect(connection).get_table_names())
        version = _read_version(connection) if _version.name in tables else None
        if version is None:
            if not tables & self.metadata.tables.keys():
                return None
            version = FIRST
        if version == FIRST:
            _check_tables(TABLES_OF_FIRST - tables)
        if version == self.newest:
            _check_tables(self.metadata.tables.keys() - tables)
        return version

    def check(self, version: str) -> None:
        """Make sure that a database of this version can be worked with.

        Raises:
            DatabaseVersionError: It is older, or newer.
        """
        if version == self.newest:
            return
        if version in self.older:
            raise DatabaseVersionError(
                f"The database is at version {version}, and this SERVER2 needs {self.newest}.",
                "Back it up, then run: flask --app server2 database upgrade",
            )
        raise DatabaseVersionError(
            f"The database is at version {version!r}, and this SERVER2 knows none after "
            f"{self.newest}.",
            "Start the newer SERVER2 that it was upgraded for, or restore a backup.",
        )

    def migrate(self, connection: Connection, *, upgrade: bool) -> str:
        """Bring a database to the newest version in one transaction: wholly, or not at all.

        Args:
            connection: One that may write, without a transaction.
            upgrade: False makes the tables of an empty database, and leaves any other alone.

        Returns:
            The version that it is at now; one that this code does not know is left alone.

        Raises:
            ConfigurationError: Rows would refer to others that are not there.
            sqlalchemy.exc.SQLAlchemyError: That failed.
        """
        with _CHANGING[connection.dialect.name](connection):
            version = self.version_of(connection)
            if version is None:
                self.metadata.create_all(connection)
                _write_version(connection, self.newest)
            elif upgrade and version in self.older:
                _write_version(connection, FIRST)
                self._upgrade(connection)
            else:
                return version
        return self.newest

    def alembic_config(self, connection: Connection) -> Config:
        """Return what Alembic's commands ask for, to run in the transaction that is open."""
        from alembic.config import Config

        config = Config(attributes={"connection": connection, "metadata": self.metadata})
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        return config

    def _upgrade(self, connection: Connection) -> None:
        from alembic import command

        command.upgrade(self.alembic_config(connection), "head")


def _read_version(connection: Connection) -> str | None:
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def _write_version(connection: Connection, version: str) -> None:
    """Write the version down where none is."""
    _version.create(connection, checkfirst=True)
    if _read_version(connection) is None:
        connection.execute(insert(_version).values(version_num=version))


def _check_tables(missing: Set[str]) -> None:
    if missing:
        raise DatabaseVersionError(
            "The database is not SERVER2's, or it was damaged: it lacks "
            f"{', '.join(sorted(missing))}.",
            "Mend SERVER2_DATABASE_URL, or restore a backup.",
        )


@contextmanager
def _changing_sqlite(connection: Connection) -> Iterator[None]:
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    driver.execute(f"PRAGMA busy_timeout = {_milliseconds(PATIENCE)}")
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


def _lost_references(connection: Connection) -> int:
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())


@contextmanager
def _changing_postgresql(connection: Connection) -> Iterator[None]:
    from .impatient_postgresql import patience  # psycopg is not there where SQLite is used

    # A stricter isolation would show the database as it was before the wait for the lock.
    connection.execution_options(isolation_level="READ COMMITTED")
    with patience(connection, PATIENCE + timedelta(seconds=1)), connection.begin():
        for timeout in ("statement_timeout", "lock_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {timeout} = {_milliseconds(PATIENCE)}")
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        yield


_CHANGING = {"sqlite": _changing_sqlite, "postgresql": _changing_postgresql}


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
