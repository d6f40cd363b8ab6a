"""Grants: what a user may do at a client. Where no row says otherwise, a default holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from flask_handoff import Client
from flask_handoff.stores.statements import Statement
from server1.db import metadata

from .users import User, users

DEFAULT_SCOPE = frozenset({"openid", "profile", "email", "notes:read", "notes:write"})
"""What every user may do at every client, beside what its own API knows, if nothing else is set."""

LONGEST_SCOPE = 1000  # characters, all values of one grant together

_SCOPE_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)  # RFC 6749, section 3.3

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    # Values separated by blanks; empty: this user may not enter this client.
    sa.Column("scope", sa.String(LONGEST_SCOPE), nullable=False),
)


_SCOPE_OF = Statement(
    sa.select(grants.c.scope).where(
        grants.c.subject == sa.bindparam("wanted_subject"),
        grants.c.client_id == sa.bindparam("wanted_client"),
    )
)


class ScopeError(ValueError):
    """Not a list of scope values; the message may be shown."""


def scope_of(connection: sa.Connection, subject: str, client: Client) -> frozenset[str]:
    """Return what a user may do at a client; empty when they may not enter it."""
    granted = find_grant(connection, subject, client.client_id)
    return default_scope(client) if granted is None else granted


def default_scope(client: Client) -> frozenset[str]:
    """Return what every user may do at a client, as long as nothing else is set."""
    return DEFAULT_SCOPE | client.scopes


def find_grant(connection: sa.Connection, subject: str, client_id: str) -> frozenset[str] | None:
    """Return what was set for a user at a client; None where the default holds."""
    grant = _SCOPE_OF.row(connection, wanted_subject=subject, wanted_client=client_id)
    return None if grant is None else frozenset(grant.scope.split())


def set_grant(
    connection: sa.Connection, user: User, client_id: str, unverified_scope: Iterable[str] | None
) -> frozenset[str] | None:
    """Set what a user may do at a client, and return it; None for the default.

    Args:
        unverified_scope: Scope values; none of them keeps the user out. ``openid`` is added.
            None returns to the default.

    Raises:
        ScopeError: A value is not of the form of RFC 6749, section 3.3, or they are too long.
    """
    of_user = (grants.c.subject == user.subject) & (grants.c.client_id == client_id)
    connection.execute(sa.delete(grants).where(of_user))
    if unverified_scope is None:
        return None
    scope = frozenset(unverified_scope)
    if not all(_SCOPE_VALUE.fullmatch(value) for value in scope):
        raise ScopeError('A scope value is 1 to 64 visible ASCII characters without " and \\.')
    if len(" ".join(scope)) > LONGEST_SCOPE - len(" openid"):
        raise ScopeError(f"A grant has at most {LONGEST_SCOPE} characters.")
    if scope:
        scope |= {"openid"}
    values = {"subject": user.subject, "client_id": client_id, "scope": " ".join(sorted(scope))}
    connection.execute(sa.insert(grants).values(values))
    return scope


def all_grants(connection: sa.Connection) -> Sequence[tuple[str, str, frozenset[str]]]:
    """Return e-mail address, client and scope of every grant that was set, in this order."""
    query = (
        sa.select(users.c.email, grants.c.client_id, grants.c.scope)
        .join_from(grants, users)
        .order_by(users.c.email_folded, grants.c.client_id)
    )
    rows = connection.execute(query)
    return [(email, client_id, frozenset(scope.split())) for email, client_id, scope in rows]
