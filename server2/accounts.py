"""Accounts: who has arrived here before, as their issuer names them."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    select,
)

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, insert_in

from .db import current_time, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text),
    Column("email", Text),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("issuer", "subject"),
    sqlite_autoincrement=True,
)


class Account(NamedTuple):
    """One person as this server knows them; name and e-mail address as the issuer said last."""

    id: int  # this server's own number, never shown
    issuer: str  # who vouched for them
    subject: str  # what the issuer calls them; with ``issuer``, the key of the account
    name: str | None
    email: str | None  # says nothing about who they are

    @property
    def label(self) -> str:
        """What to call them on a page."""
        return self.name or self.email or "you"


def find_account_id(connection: Connection, issuer: str, subject: str) -> int | None:
    """Return the id of a person's account; None where nobody and nothing came for them before."""
    row = _FIND.row(connection, issuer=issuer, subject=subject)
    return None if row is None else row.id


def remember_account(
    connection: Connection,
    issuer: str,
    subject: str,
    *,
    name: str | None = None,
    email: str | None = None,
) -> int:
    """Make or renew the account of a person who arrived, and return its id.

    What is not said of them stays as it was. The key is the pair of issuer and subject: an e-mail
    address may pass to somebody else (OpenID Connect Core 1.0, section 5.7).
    """
    said = {
        "issuer": issuer,
        "subject": subject,
        "name": name,
        "email": email,
        "created_at": current_time(),
    }
    account_id: int = _UPSERT.row(connection, **said).id
    return account_id


def _upsert(dialect: str) -> Any:
    statement = insert_in(dialect, accounts)
    said = statement.excluded
    kept = {
        "name": func.coalesce(said.name, accounts.c.name),
        "email": func.coalesce(said.email, accounts.c.email),
    }
    keyed = statement.on_conflict_do_update(index_elements=["issuer", "subject"], set_=kept)
    return keyed.returning(accounts.c.id)


_UPSERT = Statement(_upsert)
_FIND = Statement(
    select(accounts.c.id).where(
        accounts.c.issuer == bindparam("issuer"), accounts.c.subject == bindparam("subject")
    )
)
