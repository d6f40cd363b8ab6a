"""Personal data: all that is kept here about the person behind an account, but no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from .accounts import accounts, find_account_id
from .db import metadata


class AccountUnknownError(LookupError):
    """Nobody of this name has arrived here."""


def personal_data(connection: sa.Connection, issuer: str, subject: str) -> Mapping[str, Any]:
    """Return the rows about an account, by the name of their table, as texts and numbers.

    Raises:
        AccountUnknownError: There is none.
    """
    account_id = _find(connection, issuer, subject)
    found = {table.name: table.c.account_id == account_id for table in _tables()}
    found[accounts.name] = accounts.c.id == account_id
    return {
        name: [_shown(row) for row in _rows(connection, metadata.tables[name], which)]
        for name, which in sorted(found.items())
    }


def delete_account(connection: sa.Connection, issuer: str, subject: str) -> None:
    """Delete an account and its notes, and end its sessions; whoever arrives again has a new one.

    Raises:
        AccountUnknownError: There is none.
    """
    account_id = _find(connection, issuer, subject)
    # Locked first: an arrival under way was before, or waits and makes a new account.
    query = sa.select(accounts.c.id).where(accounts.c.id == account_id)
    connection.execute(query.with_for_update())
    for table in _tables():
        connection.execute(sa.delete(table).where(table.c.account_id == account_id))
    connection.execute(sa.delete(accounts).where(accounts.c.id == account_id))


def _tables() -> Sequence[sa.Table]:
    # All of them, so that one that is new is not left out.
    return [table for table in metadata.sorted_tables if "account_id" in table.c]


def _find(connection: sa.Connection, issuer: str, subject: str) -> int:
    # PostgreSQL takes no text with a NUL in it.
    account_id = None if "\0" in subject else find_account_id(connection, issuer, subject)
    if account_id is None:
        raise AccountUnknownError("There is no account of this name, or it was deleted.")
    return account_id


def _rows(
    connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> Sequence[Mapping[Any, Any]]:
    query = sa.select(table).where(which).order_by(*table.primary_key)
    return connection.execute(query).mappings().all()


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if not name.endswith("_sha256")
    }
