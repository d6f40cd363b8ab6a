"""The registry: one row for each client. A client of ``HANDOFF_CLIENTS`` wins over its row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from flask_handoff import Client
from flask_handoff.errors import ClientUnknownError
from flask_handoff.keys import VerificationKey
from flask_handoff.profiles import CLIENT_ID
from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, database
from server1 import clock
from server1.db import metadata, unavailable_where_it_fails

LONGEST_NAME = 100  # characters
LONGEST_URI = 1024  # characters

_CODE: Mapping[str, Any] = {"response_types": frozenset({"code"}), "policy": "oidc"}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "web": _CODE,
    "native": {**_CODE, "native": True},
    "browser": _CODE,
    "receiver": {},
    "service": {"response_types": frozenset(), "service": True},
}
"""What each kind of client is to the library.

``web`` alone has a secret, ``service`` a key; ``receiver`` may have one, to introspect tokens with.
"""

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("redirect_uris", sa.Text, nullable=False),  # separated by blanks, as scopes are
    sa.Column("initiate_login_uri", sa.String(LONGEST_URI)),
    sa.Column("backchannel_logout_uri", sa.String(LONGEST_URI)),
    sa.Column("revocation_uri", sa.String(LONGEST_URI)),
    sa.Column("post_logout_redirect_uris", sa.Text, nullable=False),
    sa.Column("resource", sa.String(LONGEST_URI)),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("first_party", sa.Boolean, nullable=False),
    sa.Column("secret_sha256", sa.String(64)),
    sa.Column("previous_secret_sha256", sa.String(64)),
    sa.Column("public_jwk", sa.Text),
    sa.Column("previous_public_jwk", sa.Text),
    sa.Column("previous_until", Instant),  # of the secret or key before
    sa.Column("allow_token_endpoint_audience", sa.Boolean, nullable=False),
    sa.Column("granted_scope", sa.Text, nullable=False),  # what a service may do for itself
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

_FIND = Statement(
    sa.select(clients).where(
        clients.c.client_id == sa.bindparam("wanted"), clients.c.disabled.is_(False)
    )
)


_GRANTED = Statement(
    sa.select(clients.c.granted_scope).where(
        clients.c.client_id == sa.bindparam("wanted"), clients.c.disabled.is_(False)
    )
)


_ALL = Statement(sa.select(clients).order_by(clients.c.created_at, clients.c.client_id))


class Registration(NamedTuple):
    """One row: a client, and what only its operator sees."""

    client: Client
    kind: str
    disabled: bool
    created_at: datetime
    granted_scope: frozenset[str]
    previous_until: datetime | None  # None where there is one secret or key, or none


class RegisteredClients:
    """The clients of the current application's database; a ``ClientSource``."""

    def client(self, unverified_client_id: str) -> Client:
        """Return the client of this name, see ``ClientSource.client``.

        Raises:
            DependencyUnavailableError: The database cannot say.
        """
        # What is no name is not looked for: PostgreSQL takes no text with a NUL in it.
        if CLIENT_ID.fullmatch(unverified_client_id) is not None:
            with unavailable_where_it_fails(), database().reading() as connection:
                row = _FIND.row(connection, wanted=unverified_client_id)
            if row is not None:
                return _registration(row, clock.now()).client
        raise ClientUnknownError("no client of this client_id is registered")

    def __iter__(self) -> Iterator[Client]:
        """Go through those that are not disabled, the oldest first."""
        with unavailable_where_it_fails(), database().reading() as connection:
            found = registrations(connection)
        return (each.client for each in found if not each.disabled)


def disabled_client(client_id: str) -> Client:
    """Return a client that is disabled: what it was given is still to be ended there.

    Raises:
        ClientUnknownError: There is none.
        DependencyUnavailableError: The database cannot say.
    """
    row = None
    # What is no name is not looked for: PostgreSQL takes no text with a NUL in it.
    if CLIENT_ID.fullmatch(client_id) is not None:
        disabled = (clients.c.client_id == client_id) & clients.c.disabled
        with unavailable_where_it_fails(), database().reading() as connection:
            row = connection.execute(sa.select(clients).where(disabled)).one_or_none()
    if row is None:
        raise ClientUnknownError("no client of this client_id is registered")
    return _registration(row, clock.now()).client


def registrations(connection: sa.Connection) -> Sequence[Registration]:
    """Return all that are registered, the disabled ones too, the oldest first."""
    now = clock.now()
    return [_registration(row, now) for row in _ALL.rows(connection)]


def kind_of(client: Client) -> str:
    """Return the kind of a client that may be registered elsewhere."""
    if client.service and not client.response_types:
        return "service"
    if "code" not in client.response_types:
        return "receiver"
    if client.native:
        return "native"
    return "browser" if client.is_public else "web"


def granted_scope(connection: sa.Connection, client_id: str) -> frozenset[str]:
    """Return what a service may do for itself; nothing where it is not registered here."""
    row = _GRANTED.row(connection, wanted=client_id)
    return frozenset() if row is None else frozenset(row.granted_scope.split())


def _registration(row: Any, now: datetime) -> Registration:
    until = row.previous_until
    until = until if until is not None and now < until else None
    granted_scope = frozenset(row.granted_scope.split())
    client = _client(row, has_previous=until is not None)
    return Registration(client, row.kind, row.disabled, row.created_at, granted_scope, until)


@lru_cache(maxsize=256)
def _client(row: Any, *, has_previous: bool) -> Client:
    # Checked once and not for each request: a row that is changed is another one.
    secrets = (row.secret_sha256, row.previous_secret_sha256 if has_previous else None)
    keys = (row.public_jwk, row.previous_public_jwk if has_previous else None)
    return Client(
        client_id=row.client_id,
        name=row.name,
        redirect_uris=tuple(row.redirect_uris.split()),
        initiate_login_uri=row.initiate_login_uri,
        backchannel_logout_uri=row.backchannel_logout_uri,
        revocation_uri=row.revocation_uri,
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris.split()),
        resource=row.resource,
        scopes=frozenset(row.scopes.split()),
        first_party=row.first_party,
        allow_token_endpoint_audience=row.allow_token_endpoint_audience,
        secret_hashes=tuple(secret for secret in secrets if secret is not None),
        public_keys=tuple(
            VerificationKey.from_jwk(json.loads(jwk)) for jwk in keys if jwk is not None
        ),
        **KINDS[row.kind],
    )
