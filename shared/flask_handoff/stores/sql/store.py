"""What the SQL stores have in common: an engine, or the transactions that an application lends."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, MetaData, String, Table, inspect, text
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable

from flask_handoff.errors import ConfigurationError, DependencyUnavailableError
from flask_handoff.stores.statements import Statement

# What SQLite says, and PostgreSQL in English.
_NO_TABLE = re.compile(r'(?:no such table: (?:main\.)?|relation ")(?P<table>\w+)')

Begin = Callable[[], AbstractContextManager[Connection]]


class SQLStore:
    """A store in a database that all processes share.

    Each step is one short transaction, of its own or of the application's.

    Args:
        engine: SQLAlchemy's engine of a SQLite file, 3.35 or newer, for the processes of one
            machine, or of a PostgreSQL database for several machines. Any pool but StaticPool.
            Where it begins SQLite's transactions itself, by ``BEGIN IMMEDIATE``: those that only
            read have the execution option ``reading=True``, and need no lock.
        transaction: Begins the application's own transaction that writes, or lends the one which
            this thread has open: what the store writes is written in that one. On SQLite it
            begins with ``BEGIN IMMEDIATE``; on PostgreSQL it is ``READ COMMITTED``.
        reading: The same for a transaction that only reads, which needs no lock.

    Raises:
        ConfigurationError: The engine is of another kind, or could not keep a claim.
    """

    unavailable: ClassVar[type[DependencyUnavailableError]]
    tables: ClassVar[Sequence[Callable[[MetaData], Table]]]

    def __init__(
        self, engine: Engine, *, transaction: Begin | None = None, reading: Begin | None = None
    ) -> None:
        _check_keeps_rows(type(self).__name__, engine)
        self._engine = engine
        if engine.dialect.name == "postgresql":
            # A stricter isolation fails honest claims that happen at once; no pool is made anew.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._read = reading or self._engine.execution_options(reading=True).begin
        self._lent = transaction
        shared = partial(_Shared, self._unavailable)
        self.transaction = None if transaction is None else partial(shared, transaction)
        self.reading = None if reading is None else partial(shared, reading)

    def create_tables(self) -> None:
        """Create the tables that are missing; several processes may do so at once.

        Raises:
            DependencyUnavailableError: The database is out of reach.
        """
        try:
            self._create_tables()
        except DependencyUnavailableError:
            # Another process made it first, or this fails again for the same reason.
            self._create_tables()

    def check_tables(self, *names: str) -> None:
        """Write a row of nobody into each table, and take them back.

        Args:
            names: Of those that are used; without any, all of them.

        Raises:
            DependencyUnavailableError: One is missing, has other columns, or cannot be written to.
        """
        with suppress(_TakenBackError), self._writing() as connection:
            for table in (describe(MetaData()) for describe in self.tables):
                if names and table.name not in names:
                    continue
                if not inspect(connection).has_table(table.name):
                    raise self.unavailable(f"there is no table {table.name}")
                there = {column["name"] for column in inspect(connection).get_columns(table.name)}
                if missing := [each.name for each in table.columns if each.name not in there]:
                    raise self.unavailable(f"{table.name} lacks {', '.join(missing)}")
                connection.execute(table.insert().values(_row_of_nobody(table)))
            raise _TakenBackError

    def _create_tables(self) -> None:
        metadata = MetaData()
        with self._writing() as connection:
            for table in (describe(metadata) for describe in self.tables):
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def _writing(self) -> AbstractContextManager[Connection]:
        return _Step(self._unavailable, self._lent or self._engine.begin)

    def _reading(self) -> AbstractContextManager[Connection]:
        return _Step(self._unavailable, self._read)

    def _read_rows(self, statement: Statement, **values: Any) -> Sequence[Any]:
        try:
            with self._read() as connection:
                return statement.rows(connection, **values)
        except SQLAlchemyError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: SQLAlchemyError) -> DependencyUnavailableError:
        if isinstance(error, StatementError):
            error.hide_parameters = True  # its text, in a log, would name issuer and token
        missing = _missing_table(error)
        if missing in {describe(MetaData()).name for describe in self.tables}:
            store = type(self).__name__
            return self.unavailable(
                f"the table {missing} is missing: call {store}(engine).create_tables() once, or "
                "make it in a migration"
            )
        return self.unavailable(f"the database failed ({type(error).__name__})")


def _missing_table(error: SQLAlchemyError) -> str | None:
    """Return the name of the table that a statement did not find; None where that is not it."""
    found = _NO_TABLE.search(str(getattr(error, "orig", None)))
    return None if found is None else found["table"]


class _Shared(AbstractContextManager[Connection]):
    """The application's transaction: where it fails itself, and not what is done in it, we say so.

    No generator, which would cost as much as a statement.
    """

    def __init__(
        self, unavailable: Callable[[SQLAlchemyError], DependencyUnavailableError], begin: Begin
    ) -> None:
        self._unavailable = unavailable
        self._begin = begin

    def __enter__(self) -> Connection:
        try:
            self._transaction = self._begin()
            return self._transaction.__enter__()
        except SQLAlchemyError as error:
            raise self._unavailable(error) from error

    def __exit__(self, kind: Any, failure: BaseException | None, traceback: Any) -> bool | None:
        try:
            return self._transaction.__exit__(kind, failure, traceback)
        except SQLAlchemyError as error:
            if error is failure:
                raise
            raise self._unavailable(error) from error


class _Step(_Shared):
    """One step of the store: whatever fails in it, we say so."""

    def __exit__(self, kind: Any, failure: BaseException | None, traceback: Any) -> bool | None:
        try:
            suppressed = self._transaction.__exit__(kind, failure, traceback)
        except SQLAlchemyError as error:
            raise self._unavailable(error) from error
        if isinstance(failure, SQLAlchemyError) and not suppressed:
            raise self._unavailable(failure) from failure
        return suppressed


class _TakenBackError(Exception):
    """Undoes a transaction of ours, or one that the application lends."""


def _row_of_nobody(table: Table) -> dict[str, object]:
    row: dict[str, object] = {}
    for column in table.columns:
        if isinstance(column.type, String):
            row[column.name] = secrets.token_urlsafe(64)[: column.type.length]
        elif not column.nullable:
            row[column.name] = column.type.python_type()  # 0, or False
    return row


def sweeping(table: str, key: str, expiry: str = "expires_at") -> Statement:
    """Make the statement that removes two rows of a table which have expired before ``:now``."""
    # Two rows go for one that comes, so that none pile up; many at once would be a long wait.
    expired = f"FROM {table} WHERE {expiry} < :now ORDER BY {expiry} LIMIT 2"
    deletions = {
        "sqlite": f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} {expired})",  # noqa: S608 - constants
        # Claims at once sweep different rows: none waits for another, or for one that waits for it.
        # The array is made once; a plain IN may ask for two rows again and again.
        "postgresql": f"DELETE FROM {table} WHERE ctid = ANY "  # noqa: S608 - constants
        f"(ARRAY(SELECT ctid {expired} FOR UPDATE SKIP LOCKED))",
    }
    return Statement(lambda dialect: text(deletions[dialect]).columns())


def _check_keeps_rows(store: str, engine: Engine) -> None:
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"{store} does not know {engine.dialect.name}.",
            "Use a SQLite or PostgreSQL database.",
        )
    if isinstance(engine.pool, StaticPool):
        raise ConfigurationError(
            f"{store} was given an engine with StaticPool: all threads share one "
            "transaction, and one that fails takes back what another has written.",
            "Leave out poolclass, or use QueuePool.",
        )
    file = engine.url.database or ":memory:"
    if engine.dialect.name == "sqlite" and (
        ":memory:" in file or engine.url.query.get("mode") == "memory"
    ):
        raise ConfigurationError(
            f"{store} was given SQLite in memory: it keeps rows for one connection only.",
            f"Name a file, or use {store.replace('SQL', 'Memory')} in a server of one process.",
        )
