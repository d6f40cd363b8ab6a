"""Client authentication: which client sends this request, and how does it prove that?"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import NamedTuple
from urllib.parse import unquote_plus

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    ClientAssertionError,
    ClientAuthenticationError,
    ClientUnknownError,
    TokenRequestError,
)
from flask_handoff.web.parameters import ParameterReader

from .assertions import ASSERTION_TYPE, ClientAssertions, Proof
from .client import Client
from .registry import ClientSource

METHODS = ("client_secret_basic", "client_secret_post", "none")
"""How a client may authenticate; a public one not at all: PKCE protects its codes."""

ASSERTION_METHOD = "private_key_jwt"
"""How it may as well, where the issuer takes client assertions."""


class _Credentials(NamedTuple):
    client_id: str
    secret: str


def secret_hash(secret: str) -> str:
    """Return what is kept of a client's secret: its SHA-256, hexadecimal.

    A plain hash is enough for 256 random bits, and only for those.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate_client(
    read: ParameterReader,
    unverified_authorization: str | None,
    clients: ClientSource,
    assertions: ClientAssertions | None = None,
) -> Proof:
    """Return which client sends a request, and what is to be redeemed before it is answered.

    Args:
        read: The parameters in the request's body.
        unverified_authorization: The header of this name; None where there is none.
        assertions: Verifies those of clients; None where the issuer takes none.

    Raises:
        TokenRequestError: It authenticates in two ways at once, or names two clients.
        ClientAuthenticationError: It is not registered, its secret is wrong or missing, or it is a
            public client and sends one. The text is the same whichever it is.
        ClientAssertionError: What it has signed proves nothing.
        DependencyUnavailableError: It cannot be told.

    Sources: RFC 6749, sections 2.3, 3.2.1 and 5.2; RFC 7521, section 4.2.
    """
    client_id, secret = read.text("client_id"), read.text("client_secret")
    assertion, assertion_type = read.text("client_assertion"), read.text("client_assertion_type")
    if assertion is not None or assertion_type is not None:
        if assertions is None:
            raise ClientAuthenticationError("client_assertion: not supported")
        if unverified_authorization is not None or secret is not None:
            raise _two_ways()
        return assertions.authenticate(_read_assertion(assertion, assertion_type), client_id)
    if unverified_authorization is not None:
        if secret is not None:
            raise _two_ways()
        unverified = _read_basic(unverified_authorization)
        if client_id not in (None, unverified.client_id):
            raise TokenRequestError("client_id: not the client of the Authorization header")
    elif client_id is None:
        raise ClientAuthenticationError("the client does not say who it is")
    else:
        unverified = _Credentials(client_id, secret or "")
    try:
        client = clients.client(unverified.client_id)
    except ClientUnknownError:
        raise _refusal(None) from None
    _check_secret(client, unverified.secret)
    return Proof(client)


def _check_secret(client: Client, unverified_secret: str) -> None:
    if client.is_public and not unverified_secret:
        return
    given = secret_hash(unverified_secret)
    # Without a break: how long it takes must not tell which of two secrets it was.
    if not sum(hmac.compare_digest(given, kept) for kept in client.secret_hashes):
        raise _refusal(client)


def _read_basic(unverified_authorization: str) -> _Credentials:
    scheme, _, encoded = unverified_authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ClientAuthenticationError("Authorization: expected the scheme Basic")
    try:
        decoded = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except ValueError:
        raise ClientAuthenticationError("Authorization: not of its form") from None
    client_id, _, secret = decoded.partition(":")
    # Both are form-encoded before they are joined, so that they may hold a colon.
    return _Credentials(unquote_plus(client_id), unquote_plus(secret))


def _read_assertion(assertion: str | None, assertion_type: str | None) -> UnverifiedToken:
    if assertion is None or assertion_type is None:
        raise TokenRequestError("client_assertion and client_assertion_type: one without the other")
    if assertion_type != ASSERTION_TYPE:
        raise ClientAssertionError(f"client_assertion_type: expected {ASSERTION_TYPE}")
    return UnverifiedToken(assertion)


def _two_ways() -> TokenRequestError:
    return TokenRequestError("the client authenticates in two ways at once")


def _refusal(client: Client | None) -> ClientAuthenticationError:
    return ClientAuthenticationError(
        "the client is unknown, or its secret is wrong",
        claimed_client_id=None if client is None else client.client_id,
    )
