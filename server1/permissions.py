"""What a client may do for a user, never more than the user may; and a service for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from flask_handoff import AccessDeniedError, Client, InteractionRequiredError, SignedInUser
from flask_handoff.profiles import OPENID_SCOPES
from flask_handoff.stores.statements import Statement

from .accounts.grants import default_scope, find_grant, scope_of
from .accounts.users import User, users
from .clients.registry import clients
from .config import config


def must_confirm(user: User | SignedInUser) -> bool:
    """Tell whether a user has to confirm their address before they enter any client."""
    return config().requires_verified_email and not user.email_verified


def permitted_scope(
    connection: sa.Connection,
    user: User | SignedInUser,
    client: Client,
    requested_scope: frozenset[str],
    all_clients: Callable[[], Iterable[Client]],
) -> frozenset[str]:
    """Return what a client may do for a user, of what it asks for.

    What only another client's API knows, it may do as far as the user may at that one: who agrees
    to it can delegate, and gains nothing.

    Args:
        all_clients: Returns all clients; called where it matters whose API knows a scope.

    Raises:
        InteractionRequiredError: The user has to confirm their address first.
        AccessDeniedError: The user may not enter this client.
    """
    if must_confirm(user):
        raise InteractionRequiredError("verification.required", "the address is not confirmed")
    granted = find_grant(connection, user.subject, client.client_id)
    foreign = requested_scope - OPENID_SCOPES - client.scopes
    known, delegated = frozenset[str](), frozenset[str]()
    # An ID Token says what may be done at its client; only with a code comes a token for others.
    if foreign and "code" in client.response_types:
        for service in all_clients():
            if asked := service.scopes & foreign:
                known |= asked
                delegated |= asked & scope_of(connection, user.subject, service)
    allowed = default_scope(client) | known if granted is None else granted
    if not allowed:
        raise AccessDeniedError
    if "code" in client.response_types:
        # How long, and not what: each user decides that for themselves.
        allowed |= {"offline_access"}
    return requested_scope & allowed - (known - delegated)


_OF_SERVICE = Statement(
    sa.select(clients.c.granted_scope).where(
        clients.c.client_id == sa.bindparam("service"),
        clients.c.disabled.is_(False),
        ~sa.exists().where(users.c.subject == clients.c.client_id),
    )
)


def service_scope(connection: sa.Connection, client_id: str) -> frozenset[str]:
    """Return what a service may do for itself; nothing where it is not registered here.

    Nor where an account has its name for a subject: APIs would take it for that user.
    """
    row = _OF_SERVICE.row(connection, service=client_id)
    return frozenset() if row is None else frozenset(row.granted_scope.split())
