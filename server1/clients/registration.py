"""Registration: clients are added, get new secrets, and are disabled; all of it is recorded."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from flask_handoff import Client, shown
from flask_handoff.issuer.clients.audiences import plain_resource
from flask_handoff.issuer.clients.authentication import secret_hash
from flask_handoff.keys import VerificationKey
from flask_service.database import insert_into
from server1 import audit, clock
from server1.audit import Event

from .registry import LONGEST_NAME, LONGEST_URI, clients, registrations

PREVIOUS_SECRET_KEPT = timedelta(days=1)
"""How long the secret or key before works beside a new one, for the client to change over."""

_AS_THEY_ARE = (  # columns that hold the field of their name
    *("client_id", "name", "first_party", "allow_token_endpoint_audience"),
    *("initiate_login_uri", "backchannel_logout_uri", "revocation_uri", "resource"),
)


class ClientRefusedError(ValueError):
    """A client cannot be registered like this, or changed; the message may be shown."""


def new_client_id() -> str:
    """Return a name that no client has: 128 random bits, none of which looks like an option."""
    return secrets.token_hex(16)


def add_client(
    connection: sa.Connection,
    client: Client,
    kind: str,
    *,
    others: Iterable[Client],
    granted_scope: frozenset[str] = frozenset(),
) -> str | None:
    """Register a client.

    Args:
        client: As it is to be, without a secret; a service has one key, a receiver may have one.
        kind: One of ``KINDS``.
        others: Those that are registered elsewhere.
        granted_scope: What a service may do for itself.

    Returns:
        Its secret, 256 random bits, of which only the hash is kept; None for a kind without one.

    Raises:
        ClientRefusedError: A name, an address or a scope is another client's, or too long; or no
            API knows what is granted.
    """
    disabled_too = [each.client for each in registrations(connection)]
    _check_lengths(client)
    known = [*others, *disabled_too]
    _check_is_its_own(client, known)
    _check_is_known(granted_scope, known)
    secret = secrets.token_urlsafe(32) if kind == "web" else None
    granted = " ".join(sorted(granted_scope))
    _insert(
        connection,
        client,
        kind=kind,
        secret_sha256=None if secret is None else secret_hash(secret),
        granted_scope=granted,
    )
    detail = f"{kind}{', first-party' if client.first_party else ''}, {client.name}"
    if granted:
        detail += f", scope {granted}"
    audit.record(connection, Event.CLIENT_ADDED, client_id=client.client_id, detail=detail)
    return secret


def _insert(connection: sa.Connection, client: Client, **more: str | None) -> None:
    values = {
        **{name: getattr(client, name) for name in _AS_THEY_ARE},
        "redirect_uris": " ".join(client.redirect_uris),
        "post_logout_redirect_uris": " ".join(client.post_logout_redirect_uris),
        "scopes": " ".join(sorted(client.scopes)),
        "public_jwk": _to_json(client.public_keys[0]) if client.public_keys else None,
        "disabled": False,
        "created_at": clock.now(),
        **more,
    }
    made = connection.execute(
        insert_into(connection, clients)
        .values(values)
        .on_conflict_do_nothing()
        .returning(clients.c.client_id)
    )
    if made.one_or_none() is None:  # another command was first
        raise ClientRefusedError(_taken("client_id", client.client_id))


def rotate_secret(
    connection: sa.Connection, client_id: str, *, at_once: bool
) -> tuple[str, datetime | None]:
    """Give a client another secret.

    Args:
        at_once: Revoke the former secret now, and not in a day.

    Returns:
        The secret, and until when the former one works; None where it is revoked.

    Raises:
        ClientRefusedError: There is no such client, or it has no secret.
    """
    before = _lock(connection, client_id)
    if before.public_jwk is not None:
        raise ClientRefusedError(f"{before.name} has a key, and no secret.")
    if before.secret_sha256 is None:
        raise ClientRefusedError(f"{before.name} is a public client: it has no secret.")
    secret = secrets.token_urlsafe(32)
    until = None if at_once else clock.now() + PREVIOUS_SECRET_KEPT
    _update(
        connection,
        client_id,
        secret_sha256=secret_hash(secret),
        previous_secret_sha256=None if at_once else before.secret_sha256,
        previous_until=until,
    )
    detail = _former("secret", at_once)
    audit.record(connection, Event.CLIENT_SECRET_ROTATED, client_id=client_id, detail=detail)
    return secret, until


def rotate_key(
    connection: sa.Connection, client_id: str, key: VerificationKey, *, at_once: bool
) -> datetime | None:
    """Give a client that signs, such as a service, another key.

    Args:
        key: Its public half.
        at_once: The former key is revoked now, and not in a day.

    Returns:
        Until when the former key is good; None where it is revoked.

    Raises:
        ClientRefusedError: There is no such client, it has no key, or it has that one already.
    """
    before = _lock(connection, client_id)
    if before.public_jwk is None:
        raise ClientRefusedError(f"{before.name} has no key.")
    if key.kid in {json.loads(jwk)["kid"] for jwk in _keys_of(before)}:
        raise ClientRefusedError(f"{before.name} has a key of this name already: {key.kid}.")
    until = None if at_once else clock.now() + PREVIOUS_SECRET_KEPT
    _update(
        connection,
        client_id,
        public_jwk=_to_json(key),
        previous_public_jwk=None if at_once else before.public_jwk,
        previous_until=until,
    )
    detail = f"{key.kid}, {_former('key', at_once)}"
    audit.record(connection, Event.CLIENT_KEY_ROTATED, client_id=client_id, detail=detail)
    return until


def set_granted_scope(
    connection: sa.Connection, client_id: str, scope: frozenset[str], *, others: Iterable[Client]
) -> str:
    """Set what a service may do for itself from now on, and return its name.

    Raises:
        ClientRefusedError: There is no such client, it is no service, or no API knows the scope.
    """
    before = _lock(connection, client_id)
    if before.kind != "service":
        raise ClientRefusedError(f"{before.name} is no service: it acts for users.")
    _check_is_known(scope, [*others, *(each.client for each in registrations(connection))])
    granted = " ".join(sorted(scope))
    _update(connection, client_id, granted_scope=granted)
    audit.record(connection, Event.GRANT_CHANGED, client_id=client_id, detail=f"itself: {granted}")
    return str(before.name)


def signing_kind(connection: sa.Connection, client_id: str) -> str | None:
    """Return the kind of a client that signs with a key, such as a service; None for any other."""
    signs = (clients.c.client_id == client_id) & clients.c.public_jwk.is_not(None)
    return connection.execute(sa.select(clients.c.kind).where(signs)).scalar_one_or_none()


def set_disabled(connection: sa.Connection, client_id: str, disabled: bool) -> str:
    """Disable a client, or enable it again, and return its name. A disabled one is unknown.

    Raises:
        ClientRefusedError: There is no such client.
    """
    before = _lock(connection, client_id)
    if before.disabled != disabled:
        _update(connection, client_id, disabled=disabled)
        event = Event.CLIENT_DISABLED if disabled else Event.CLIENT_ENABLED
        audit.record(connection, event, client_id=client_id)
    return str(before.name)


def _check_lengths(client: Client) -> None:
    if len(client.name) > LONGEST_NAME:
        raise ClientRefusedError(f"A name has at most {LONGEST_NAME} characters.")
    addresses = (
        *(client.initiate_login_uri, client.resource),
        *(client.backchannel_logout_uri, client.revocation_uri),
    )
    several = (*client.redirect_uris, *client.post_logout_redirect_uris)
    if any(len(uri or "") > LONGEST_URI for uri in (*several, *addresses)):
        raise ClientRefusedError(f"An address has at most {LONGEST_URI} characters.")


def _check_is_its_own(client: Client, others: Collection[Client]) -> None:
    if client.client_id in {other.client_id for other in others}:
        raise ClientRefusedError(_taken("client_id", client.client_id))
    resources = {plain_resource(other.resource) for other in others if other.resource}
    if client.resource is not None and plain_resource(client.resource) in resources:
        raise ClientRefusedError(_taken("resource", client.resource))
    for other in others:
        if known := client.scopes & other.scopes:
            # Else a token for the one could be used at the other, RFC 9700, section 2.3.
            scopes = ", ".join(sorted(known))
            raise ClientRefusedError(f"The API of {other.name} knows the scope {scopes} already.")


def _check_is_known(granted_scope: frozenset[str], others: Collection[Client]) -> None:
    known = {scope for other in others for scope in other.scopes}
    if unknown := granted_scope - known:
        scopes = ", ".join(map(shown, sorted(unknown)))
        raise ClientRefusedError(f"No API that is registered knows this: {scopes}.")


def _to_json(key: VerificationKey) -> str:
    return json.dumps(key.to_jwk())


def _keys_of(row: sa.Row[Any]) -> Sequence[str]:
    return [jwk for jwk in (row.public_jwk, row.previous_public_jwk) if jwk is not None]


def _former(credential: str, at_once: bool) -> str:
    return f"the former {credential} {'is revoked' if at_once else 'works for a day'}"


def _taken(what: str, value: str) -> str:
    return f"Another client has this {what}: {shown(value)}."


def _lock(connection: sa.Connection, client_id: str) -> sa.Row[tuple[object, ...]]:
    query = sa.select(clients).where(clients.c.client_id == client_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        name = shown(client_id)
        raise ClientRefusedError(
            f"The database has no client of this name: {name}. One of HANDOFF_CLIENTS is changed"
            " there; 'clients list' shows where each is registered."
        )
    return row


def _update(connection: sa.Connection, client_id: str, **values: object) -> None:
    connection.execute(sa.update(clients).where(clients.c.client_id == client_id).values(**values))
