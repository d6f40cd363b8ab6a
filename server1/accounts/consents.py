"""Consents: what users agreed that somebody else's software gets, until they withdraw it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, insert_in
from server1 import audit
from server1.audit import Event
from server1.db import metadata

from .users import UserUnknownError

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),  # values separated by blanks, perhaps none
    sa.Column("given_at", Instant, nullable=False),
)


class Consent(NamedTuple):
    """What one user agreed to for one client, and when they did so last."""

    client_id: str
    scope: frozenset[str]
    given_at: datetime


# Shared until the transaction ends: who withdraws it meanwhile waits, and then sees what it let in.
_FIND = Statement(
    sa.select(consents.c.client_id, consents.c.scope, consents.c.given_at)
    .where(
        consents.c.subject == sa.bindparam("of_subject"),
        consents.c.client_id == sa.bindparam("of_client"),
    )
    .with_for_update(read=True)
)


def _renew(dialect: str) -> sa.Insert:
    insert = insert_in(dialect, consents)
    keys = [consents.c.subject, consents.c.client_id]
    renewed: sa.Insert = insert.on_conflict_do_update(
        index_elements=keys, set_={"given_at": insert.excluded.given_at}
    ).returning(consents.c.scope)
    return renewed


# It locks the row, and returns the scope of before: of two answers at once, none is lost, and
# none waits for the other that waits for it, as when both have read the row first.
_RENEW = Statement(_renew)
_SET_SCOPE = Statement(
    sa.update(consents)
    .where(
        consents.c.subject == sa.bindparam("of_subject"),
        consents.c.client_id == sa.bindparam("of_client"),
    )
    .values(scope=sa.bindparam("together"))
)


def find_consent(connection: sa.Connection, subject: str, client_id: str) -> Consent | None:
    """Return what a user agreed to for a client; None where they never did, or withdrew it."""
    row = _FIND.row(connection, of_subject=subject, of_client=client_id)
    return None if row is None else _consent(row)


def give_consent(
    connection: sa.Connection, subject: str, client_id: str, scope: frozenset[str], now: datetime
) -> None:
    """Note that a user agrees to this, beside what they agreed to before.

    Raises:
        UserUnknownError: The account is gone; the transaction is to be undone then.
    """
    given = " ".join(sorted(scope))
    key = {"subject": subject, "client_id": client_id}
    try:
        row = _RENEW.row(connection, **key, scope=given, given_at=now)
    except sa.exc.IntegrityError:
        # Nothing else can be wrong with these values. Looking first would not keep it.
        raise UserUnknownError from None
    kept = frozenset(row.scope.split())
    if not scope <= kept:
        together = " ".join(sorted(scope | kept))
        _SET_SCOPE.rows(connection, of_subject=subject, of_client=client_id, together=together)
    detail = f"scope {given or '-'}"
    audit.record(
        connection, Event.CONSENT_GIVEN, subject=subject, client_id=client_id, detail=detail
    )


def remove_consent(connection: sa.Connection, subject: str, client_id: str) -> bool:
    """Remove a consent; tell whether there was one."""
    this_one = (consents.c.subject == subject) & (consents.c.client_id == client_id)
    removed = connection.execute(
        sa.delete(consents).where(this_one).returning(consents.c.client_id)
    )
    return removed.one_or_none() is not None


def remove_all_consents(connection: sa.Connection, subject: str) -> None:
    """Remove every consent of an account; a sign-in under way that relies on one is waited for."""
    connection.execute(sa.delete(consents).where(consents.c.subject == subject))


def consents_of(connection: sa.Connection, subject: str) -> Sequence[Consent]:
    """Return what a user agreed to, the newest first."""
    query = (
        sa.select(consents.c.client_id, consents.c.scope, consents.c.given_at)
        .where(consents.c.subject == subject)
        .order_by(consents.c.given_at.desc(), consents.c.client_id)
    )
    return [_consent(row) for row in connection.execute(query)]


def _consent(row: Any) -> Consent:
    return Consent(row.client_id, frozenset(row.scope.split()), row.given_at)
