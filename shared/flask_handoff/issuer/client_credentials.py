"""Client credentials: a service gets an access token for itself, and for no user."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask_handoff.claims import ClientGrant
from flask_handoff.errors import InvalidTargetError, TokenRequestError
from flask_handoff.profiles import OPENID_SCOPES
from flask_handoff.signals import tokens_issued
from flask_handoff.web.events import send
from flask_handoff.web.hooks import scope_from
from flask_handoff.web.parameters import ParameterReader

from .clients import Client, ClientSource
from .clients.audiences import choose_audience, read_resource

ClientScopeHook = Callable[[Client, frozenset[str]], frozenset[str]]


def grant_for_itself(
    client: Client,
    read: ParameterReader,
    client_scope: ClientScopeHook,
    *,
    issuer: str,
    clients: ClientSource,
) -> ClientGrant:
    """Return what a service may do for itself, of what its request asks for.

    A request without a scope asks for everything that it may do at one API.

    Raises:
        TokenRequestError: It is not registered as a service; it asks for what belongs to a user,
            for nothing that was granted to it, or for several APIs at once.

    Sources: RFC 6749, sections 3.3 and 4.4; RFC 8707, section 2; RFC 9068, section 2.2.
    """
    if not client.service:
        raise TokenRequestError("not registered as a service", error="unauthorized_client")
    requested = read.scope()
    if requested is None:
        raise _invalid_scope("expected values with spaces between them")
    if of_users := requested & OPENID_SCOPES:
        raise _invalid_scope(f"{' '.join(sorted(of_users))} is about users, and there is none here")
    granted = client_scope(client, requested)
    granted = scope_from("client_scope", granted, requested) - OPENID_SCOPES
    scope = granted & requested if requested else granted
    try:
        resource = read_resource(read)
        # Without a scope, a resource says which API is meant of those that it may use.
        meant = scope if requested or resource is None else frozenset[str]()
        audience = choose_audience(meant, resource, issuer=issuer, clients=clients)
    except InvalidTargetError as error:
        raise TokenRequestError(str(error), error=error.error) from error
    scope &= audience.scopes
    if not scope:
        raise _invalid_scope("nothing of it is granted to this service")
    grant = ClientGrant(client.client_id, audience.name, scope, secrets.token_urlsafe(32))
    send(tokens_issued, user=None, client=client, grant=grant)
    return grant


def _invalid_scope(problem: str) -> TokenRequestError:
    return TokenRequestError(f"scope: {problem}", error="invalid_scope")
