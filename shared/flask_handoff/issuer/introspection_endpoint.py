"""The introspection endpoint: what a token is good for now, to whom it concerns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import cast

from werkzeug.wrappers import Response

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    AccessTokenError,
    ClientAuthenticationError,
    HandoffRejectedError,
    RefreshTokenInvalidError,
)
from flask_handoff.web import request_id
from flask_handoff.web.parameters import ParameterReader

from .client_request import Reply, answer_client, presented_token
from .clients import Client
from .context import IssuerContext, issuer_context
from .grants import one_transaction
from .issued_tokens import IssuedTokens, ended, user_of
from .refresh_tokens import RefreshTokens, has_form_of_ours

_log = logging.getLogger("flask_handoff")


def introspect() -> Response:
    """Answer an authenticated client about a token of its own, or one for its own resource.

    Source: RFC 7662, section 2.
    """
    return answer_client("introspection", _introspect)


def _introspect(client: Client, read: ParameterReader) -> Reply:
    if client.is_public:
        # Else anybody could try out tokens, RFC 7662, section 2.1.
        raise ClientAuthenticationError("a public client proves nothing, and learns nothing")
    token, issuer = presented_token(read), issuer_context()
    issued = cast(IssuedTokens, issuer.issued)
    refresh_tokens = issuer.codes and issuer.codes.refresh_tokens
    try:
        # All that is asked of the database is about one moment, and changes nothing.
        with one_transaction(issued.store, reads=True):
            if refresh_tokens is not None and has_form_of_ours(token):
                found = _refresh_token(issuer, refresh_tokens, client, token)
            else:
                found = _access_token(issuer, issued, client, token)
    except (RefreshTokenInvalidError, HandoffRejectedError, AccessTokenError) as error:
        _log.info(
            "token not active: client_id=%s check=%s reason=%s request_id=%s",
            client.client_id,
            error.check or "-",
            error,
            request_id(),
        )
        return partial(dict, active=False)
    known = {name: value for name, value in found.items() if value not in (None, "")}
    return partial(dict, active=True, iss=issuer.config.issuer, **known)


def _access_token(
    issuer: IssuerContext, issued: IssuedTokens, client: Client, token: UnverifiedToken
) -> Mapping[str, object]:
    claims = issued.verifier.verify(token)
    if client.client_id != claims.client_id and client.resource != claims.audience:
        raise ended(claims, "it is neither this client's nor for its resource")
    user_of(claims, issuer.clients, issuer.codes)
    return {
        "token_type": "Bearer",
        "client_id": claims.client_id,
        "sub": claims.subject,
        "aud": claims.audience,
        "scope": " ".join(sorted(claims.scope)),
        "sid": claims.session_id,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "jti": claims.jwt_id,
    }


def _refresh_token(
    issuer: IssuerContext, refresh_tokens: RefreshTokens, client: Client, token: UnverifiedToken
) -> Mapping[str, object]:
    family, expires_at = refresh_tokens.inspect(client, token, issuer.clock())
    # No audience and no type: no service must take it for an access token of its own.
    return {
        "client_id": family.client_id,
        "sub": family.subject,
        "scope": " ".join(sorted(family.scope)),
        "exp": expires_at,
    }
