"""Why a database cannot be used, in plain sentences, and what is asked of it at the start."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import ConfigurationError

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")

# A table whose rows are numbered has a sequence, which takes a right of its own.
_LACKING = sa.text(
    "SELECT t FROM unnest(CAST(:tables AS text[])) AS t, unnest(CAST(:rights AS text[])) AS r"
    " GROUP BY t HAVING NOT bool_and(has_table_privilege(quote_ident(t), r))"
    " UNION SELECT t FROM unnest(CAST(:tables AS text[])) AS t"
    " JOIN pg_depend ON refobjid = CAST(quote_ident(t) AS regclass) AND deptype = 'a'"
    " JOIN pg_class ON pg_class.oid = objid"
    " WHERE CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(pg_class.oid, 'USAGE') END"
    " ORDER BY t"
)

# What SQLite calls an error, or how it begins.
_SQLITE = {
    "SQLITE_CANTOPEN": "the file cannot be opened or made",
    "SQLITE_READONLY": "the file, or the directory that it is in, may not be written to",
    "SQLITE_NOTADB": "the file is no SQLite database",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_BUSY": "another process holds it locked",
    "SQLITE_IOERR": "its disk does not read or write",
}
# The classes of psycopg's errors.
_POSTGRESQL = {
    "InsufficientPrivilege": "its user lacks a right there",
    "ReadOnlySqlTransaction": "it is for reading only, as a standby is",
    "DiskFull": "its disk is full",
    "LockNotAvailable": "another process holds it locked",
    "QueryCanceled": "it does not answer in time",
    "ProtocolViolation": "a pooler takes no transactions, as with pool_mode = statement",
    "UndefinedTable": "a table is missing",
    "UndefinedColumn": "a column is missing",
}
# What has no code of its own, such as a refused connection, has a text. The first that is in it
# counts: a text about too many connections names the user or the database as well.
_TEXTS = {
    "no such table": "a table is missing",
    "no such column": "a column is missing",
    "password authentication failed": "it refuses the user or the password",
    "no password supplied": "it asks for a password",
    "too many c|connection slots": "it has as many connections as it may",
    "pg_hba.conf": "it does not let this user in from this machine",
    "CONNECT privilege|not permitted to log in|not .* accepting": "it does not let this user in",
    'database ".*" does not exist': "there is no database of this name",
    'role ".*" does not exist': "it knows no user of this name",
    "SSL was required|certificate": "its encryption is not what the URL asks for",
    "invalid .*(option|value|port)|definition of service": "the URL has an option that is wrong",
    "session is (not )?": "it is not what target_session_attrs in the URL asks for",
    "Connection refused|No such file or|timeout expired": "nothing answers at its address",
    "resolve": "there is no machine of this name",
    "starting up": "it is still starting",
    "shutting down": "it is being stopped",
}


def reason_of(error: SQLAlchemyError) -> str:
    """Say why a database failed. Never the text of the error: PostgreSQL's quotes the row."""
    cause = getattr(error, "orig", None) or error
    name: str = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    text = str(cause)
    for words, sentence in (_SQLITE | _POSTGRESQL).items():
        if name.startswith(words):
            return f"{sentence}: {name}"
    if name not in ("OperationalError", "ProgrammingError", "SQLITE_ERROR"):
        return name
    for words, sentence in _TEXTS.items():
        if re.search(words, text):
            return f"{sentence}: {name}"
    return f"it cannot be reached: {name}" if name == "OperationalError" else name


def check_encoding(connection: sa.Connection, name: str) -> None:
    """Make sure that the database *name* keeps all characters.

    Raises:
        ConfigurationError: It is a PostgreSQL with another encoding than UTF8.
    """
    if connection.dialect.name == "sqlite":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database {name} keeps text as {encoding}, and not as UTF8.",
            "Make it with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )


def check_may_create(connection: sa.Connection, name: str) -> None:
    """Make sure that tables may be made in the database *name*.

    Raises:
        ConfigurationError: It is a PostgreSQL where they may not.
    """
    if connection.dialect.name == "sqlite":
        return
    row = connection.exec_driver_sql(
        "SELECT current_user, current_schema(), current_setting('transaction_read_only'),"
        " has_schema_privilege(current_schema(), 'CREATE')"
    ).one()
    user, schema, read_only, may_create = row
    if read_only == "on":
        raise _read_only(name)
    if not may_create:
        raise ConfigurationError(
            f"The user {user} may not make tables in the database {name}.",
            f"Let its owner run: GRANT USAGE, CREATE ON SCHEMA {schema or 'public'} TO {user}",
        )


def check_rights(connection: sa.Connection, name: str, tables: list[str]) -> None:
    """Make sure that rows may be read, added, changed and deleted in tables that are there.

    Raises:
        ConfigurationError: It is a PostgreSQL where they may not, or which is for reading only.
    """
    if connection.dialect.name == "sqlite":
        return
    if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
        raise _read_only(name)
    lacking = connection.execute(_LACKING, {"tables": tables, "rights": [*RIGHTS]}).scalars().all()
    if lacking:
        user = connection.exec_driver_sql("SELECT current_user").scalar_one()
        rights = f"GRANT {', '.join(RIGHTS)} ON ALL TABLES IN SCHEMA public TO {user}"
        numbers = f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}"
        raise ConfigurationError(
            f"The user {user} may not read and change {', '.join(lacking)} in the database {name}.",
            f"Let their owner run: {rights}; {numbers}",
        )


def _read_only(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The database {name} is for reading only, as a standby is.",
        "Name the one that takes changes, or end its default_transaction_read_only.",
    )
