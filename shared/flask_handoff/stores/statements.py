"""Statements that are run often: described with SQLAlchemy, compiled once, run in the driver.

SQLAlchemy prepares the result anew each time it executes a statement, which costs more than most
statements do.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Dialect, column, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement


class Statement:
    """One statement, with or without rows to return.

    Args:
        description: A SELECT, INSERT, UPDATE or DELETE, with ``bindparam`` where values come in; a
            function that makes one for the dialect of this name; or SQL, with ``:name`` there.
        columns: The names of what SQL returns.
    """

    def __init__(self, description: Any, *columns: str) -> None:
        if isinstance(description, str):
            description = text(description).columns(*map(column, columns))
        self._description = description
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Run it with these values, in a transaction that has begun.

        Returns:
            Its rows as named tuples; none where it returns none.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It failed, as if SQLAlchemy had executed it.
            TypeError: A value is missing, or one too many.
        """
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            described = self._description
            if not isinstance(described, ClauseElement):
                described = described(dialect.name)
            compiled = self._compiled[dialect.name] = _Compiled(described, dialect, values)
        return compiled.run(connection, values)

    def row(self, connection: Connection, **values: Any) -> Any:
        """Run it, see ``rows``, and return its first row; None where there is none."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None


class _Compiled:
    def __init__(self, statement: Any, dialect: Dialect, values: Mapping[str, Any]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(values))
        parameters = {name: compiled.binds[name] for name in compiled.params}
        self._text = str(compiled)
        self._order = compiled.positiontup if compiled.positional else None
        self._names = {name for name, parameter in parameters.items() if parameter.required}
        self._constants = {n: v for n, v in compiled.params.items() if n not in self._names}
        self._incoming = [
            (name, convert)
            for name, parameter in parameters.items()
            if (convert := parameter.type.dialect_impl(dialect).bind_processor(dialect))
        ]
        columns = list(statement.exported_columns)
        names = [column.key for column in columns]
        # As the row's own _make does, which is not written in C.
        self._row: Any = partial(tuple.__new__, namedtuple("Row", names)) if columns else None
        self._outgoing = [
            (index, convert)
            for index, column in enumerate(columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        if values.keys() != self._names:
            raise TypeError(f"expected values for {', '.join(sorted(self._names))}")
        sent: Any = {**self._constants, **values}
        for name, convert in self._incoming:
            sent[name] = convert(sent[name])
        if self._order is not None:
            sent = [sent[name] for name in self._order]
        found = self._execute(connection, sent)
        if self._row is None or not found:
            return []
        rows = map(self._converted, found) if self._outgoing else found
        return list(map(self._row, rows))

    def _execute(self, connection: Connection, sent: Any) -> Sequence[Any]:
        lent: Any = connection.connection
        try:
            cursor = lent.info.get(self)
            if cursor is None:  # psycopg's keeps what it has found out about its statement
                cursor = lent.info[self] = lent.dbapi_connection.cursor()
            cursor.execute(self._text, sent)
            return cursor.fetchall() if self._row else ()
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                self._text,
                None,
                error,
                connection.dialect.loaded_dbapi.Error,
                hide_parameters=True,
                dialect=connection.dialect,
            ) from error

    def _converted(self, found: Sequence[Any]) -> Sequence[Any]:
        row = list(found)
        for index, convert in self._outgoing:
            row[index] = convert(row[index])
        return row
