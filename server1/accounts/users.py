"""Users: the accounts, and what is known about the people behind them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, insert_into
from flask_service.human_text import is_one_line, is_seen, trimmed
from server1 import clock
from server1.db import metadata

from .email_addresses import check_address, fold

LONGEST_NAME = 100  # characters

users = sa.Table(
    "users",
    metadata,
    # Random, 128 bits, never used again: receivers know the person by it.
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("email_folded", sa.String(254), nullable=False, unique=True),
    sa.Column("email_verified", sa.Boolean, nullable=False),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)


_OF_SUBJECT = Statement(sa.select(users).where(users.c.subject == sa.bindparam("wanted")))


class UserUnknownError(LookupError):
    """There is no account with this e-mail address."""


class UserExistsError(ValueError):
    """There is an account with this e-mail address already."""


class UserChangedError(LookupError):
    """The account is no longer as it was read: changed, disabled or deleted meanwhile."""


class UserNameError(ValueError):
    """The name cannot be used; the message may be shown."""


@dataclass(frozen=True, slots=True)
class User:
    """One account."""

    subject: str
    email: str
    email_verified: bool
    name: str
    password_hash: str = field(repr=False)
    disabled: bool
    created_at: datetime


def from_row(row: Mapping[Any, Any]) -> User:
    """Read a user from a row with the columns of ``users``, perhaps among others."""
    return User(**{column: row[column] for column in User.__dataclass_fields__})


def create(
    connection: sa.Connection,
    *,
    email: str,
    name: str,
    password_hash: str,
    email_verified: bool = False,
    subject_prefix: str = "",
) -> User:
    """Create an account.

    Args:
        subject_prefix: What its subject begins with, so that its maker can recognise it.

    Raises:
        EmailAddressError: The address cannot be used.
        UserNameError: The name cannot be used.
        UserExistsError: Another account has the address, perhaps in another case.
    """
    user = User(
        subject=subject_prefix + secrets.token_urlsafe(16),
        email=check_address(email),
        email_verified=email_verified,
        name=check_name(name),
        password_hash=password_hash,
        disabled=False,
        created_at=clock.now(),
    )
    values = {column: getattr(user, column) for column in User.__dataclass_fields__}
    # No error of the database's: on PostgreSQL it would end the whole transaction.
    made = connection.execute(
        insert_into(connection, users)
        .values(email_folded=fold(email), **values)
        .on_conflict_do_nothing(index_elements=[users.c.email_folded])
        .returning(users.c.subject)
    )
    if made.one_or_none() is None:
        raise UserExistsError(f"There is an account for {user.email} already.")
    return user


def by_email(connection: sa.Connection, unverified_email: str) -> User:
    """Find the account of an e-mail address, in whatever case it is written.

    Raises:
        UserUnknownError: There is none.
        EmailAddressError: The text is no e-mail address.
    """
    email = fold(unverified_email)
    # With a slash it is none, but perhaps a URL with a password.
    shown = "that" if "/" in email else email
    return _one(connection, users.c.email_folded == email, f"There is no account for {shown}.")


def by_subject(connection: sa.Connection, subject: str) -> User:
    """Find an account by the identifier that receivers know it by.

    Raises:
        UserUnknownError: There is none, or it was deleted.
    """
    row = _OF_SUBJECT.row(connection, wanted=subject)
    if row is None:
        raise UserUnknownError("There is no such account.")
    return from_row(row._asdict())


def lock(connection: sa.Connection, user: User) -> None:
    """Make sure that an account is still as it was read, and keep it so until the transaction ends.

    What follows from a password that was right a moment ago must not survive a new one. The name
    may change: with a stolen session it could be changed without end, to keep the owner out.

    Raises:
        UserChangedError: It was changed, disabled or deleted meanwhile.
    """
    query = sa.select(users).where(users.c.subject == user.subject).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None or replace(from_row(row), name=user.name) != user:
        raise UserChangedError


def all_users(connection: sa.Connection) -> Sequence[User]:
    """Return all accounts by e-mail address."""
    rows = connection.execute(sa.select(users).order_by(users.c.email_folded)).mappings()
    return [from_row(row) for row in rows]


def change(connection: sa.Connection, user: User, **values: str | bool) -> None:
    """Change columns of an account. With a new password, or disabled, revoke its sessions."""
    connection.execute(sa.update(users).where(users.c.subject == user.subject).values(**values))


def set_email(connection: sa.Connection, user: User, address: str) -> None:
    """Give an account another address, which is known to be its owner's.

    Raises:
        EmailAddressError: The address cannot be used.
        UserExistsError: Another account has it. The transaction is to be undone then.
    """
    values = {"email": check_address(address), "email_folded": fold(address)}
    try:
        change(connection, user, email_verified=True, **values)
    except sa.exc.IntegrityError:
        raise UserExistsError(f"There is an account for {address} already.") from None


def check_name(unverified_name: str) -> str:
    """Return a person's name, surrounding blanks off.

    Raises:
        UserNameError: It is empty, longer than 100 characters, or contains control characters.
    """
    name = trimmed(unverified_name)
    if not is_seen(name) or len(name) > LONGEST_NAME or not is_one_line(name):
        fit = "characters on one line, without control characters"
        raise UserNameError(f"A name has 1 to {LONGEST_NAME} {fit}.")
    return name


def _one(connection: sa.Connection, which: sa.ColumnElement[bool], refusal: str) -> User:
    row = connection.execute(sa.select(users).where(which)).mappings().one_or_none()
    if row is None:
        raise UserUnknownError(refusal)
    return from_row(row)
