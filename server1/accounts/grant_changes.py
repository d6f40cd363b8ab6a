"""Changes of grants: what is taken back ends where it was used, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from flask_handoff import Client
from server1 import audit, clock
from server1.audit import EndReason, Event

from . import app_access, grants
from .client_revocation import end_at_client
from .codes import codes
from .users import User


def change_grant(
    connection: sa.Connection,
    user: User,
    client_id: str,
    unverified_scope: Iterable[str] | None,
    clients: Collection[Client],
) -> tuple[frozenset[str] | None, int | None]:
    """Set what a user may do at a client, and end what they got there by more than that.

    Args:
        unverified_scope: As for ``grants.set_grant``.
        clients: All that are registered.

    Returns:
        What is set now, and how many sessions at the client end; None where nothing was taken back.

    Raises:
        ScopeError: As ``grants.set_grant``.
    """
    before = grants.find_grant(connection, user.subject, client_id)
    after = grants.set_grant(connection, user, client_id, unverified_scope)
    if after == before:
        return after, None
    audit.record(
        connection,
        Event.GRANT_CHANGED,
        subject=user.subject,
        client_id=client_id,
        detail=f"scope {in_words(after)}" if after else in_words(after),
    )
    client = next((each for each in clients if each.client_id == client_id), None)
    taken = None if client is None else _taken(client, before, after, clients)
    if taken == frozenset():
        return after, None
    if client is not None and taken and client.resource is not None:
        _end_delegated(connection, user, client.resource, taken)
    return after, end_at_client(connection, user.subject, client_id, EndReason.GRANT_CHANGED)


def in_words(scope: frozenset[str] | None) -> str:
    """Return what is set in words, for an operator."""
    return "the default" if scope is None else " ".join(sorted(scope)) or "no access"


def _taken(
    client: Client,
    before: frozenset[str] | None,
    after: frozenset[str] | None,
    clients: Collection[Client],
) -> frozenset[str]:
    default = grants.default_scope(client)
    if "code" in client.response_types:
        # Without a grant of its own it may ask for what other APIs know.
        default |= frozenset().union(*(each.scopes for each in clients))
    return (default if before is None else before) - (default if after is None else after)


def _end_delegated(
    connection: sa.Connection, user: User, resource: str, taken: frozenset[str]
) -> None:
    """End what other programs may do for the user at this API, where it is more than is left."""
    codes().end(subject=user.subject, audience=resource)
    for family in app_access.access_of(user.subject, clock.now()):
        if family.audience == resource and family.access_scope & taken:
            reason = EndReason.GRANT_CHANGED
            app_access.end_access_of(connection, user, family.family_id, reason)
