"""The token endpoint: a client exchanges what a user granted it for tokens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from flask import jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from flask_handoff.errors import (
    ClientAuthenticationError,
    CodeInvalidError,
    DependencyUnavailableError,
    TokenRequestError,
)
from flask_handoff.profiles import ACCESS, PROFILES
from flask_handoff.signals import tokens_refused
from flask_handoff.web import request_id
from flask_handoff.web.events import send
from flask_handoff.web.parameters import ParameterReader, unverified_parameters

from .clients import Client
from .clients.authentication import authenticate_client
from .codes import Codes
from .context import issuer_context

_log = logging.getLogger("flask_handoff")


def token() -> Response:
    """Answer a request for tokens, in JSON.

    Source: RFC 6749, sections 5.1 and 5.2.
    """
    client = None
    try:
        read = _read_parameters()
        client = authenticate_client(
            read, request.headers.get("Authorization"), issuer_context().clients
        )
        response: Response = jsonify(_issue(client, read))
    except (TokenRequestError, DependencyUnavailableError) as error:
        return _refuse(error, client)
    return response


def _read_parameters() -> ParameterReader:
    try:
        return ParameterReader(unverified_parameters(), TokenRequestError)
    except (BadRequest, UnsupportedMediaType) as error:
        raise TokenRequestError("expected a form, and no query") from error


def _issue(client: Client, read: ParameterReader) -> Mapping[str, object]:
    grant_type = read.text("grant_type")
    if grant_type is None:
        raise TokenRequestError("grant_type: missing")
    grants = {"authorization_code": _exchange_code}
    if grant_type not in grants:
        raise TokenRequestError(
            f"grant_type: expected {' or '.join(grants)}", error="unsupported_grant_type"
        )
    if "code" not in client.response_types:
        raise TokenRequestError("not registered for codes", error="unauthorized_client")
    return grants[grant_type](client, read)


def _exchange_code(client: Client, read: ParameterReader) -> Mapping[str, object]:
    issuer = issuer_context()
    grant, user = cast(Codes, issuer.codes).redeem(client, read, issuer.clock())
    answer: dict[str, object] = {
        "access_token": issuer.minter.mint_access(
            subject=grant.subject,
            client_id=grant.client_id,
            audience=grant.audience,
            scope=grant.access_scope,
            session_id=grant.session_id,
            jwt_id=grant.jwt_id,
        ),
        "token_type": "Bearer",
        "expires_in": int(ACCESS.lifetime.total_seconds()),
        "scope": " ".join(sorted(grant.scope)),
    }
    if "openid" in grant.scope:
        answer["id_token"] = issuer.minter.mint(
            PROFILES[client.policy],
            replace(user, auth_time=grant.auth_time),
            audience=client.client_id,
            nonce=grant.nonce,
            scope=grant.scope,
        )
    return answer


def _refuse(
    error: TokenRequestError | DependencyUnavailableError, client: Client | None
) -> Response:
    """Tell the client what its developer can do about it, and the log what it was.

    What is wrong with a code or a secret, only the log tells: whoever tries one that is not theirs
    shall not learn more.
    """
    _log.warning(
        "token request refused: code=%s client_id=%s reason=%s request_id=%s",
        error.code,
        "-" if client is None else client.client_id,
        error,
        request_id(),
    )
    send(tokens_refused, error=error, client=client)
    secretive = isinstance(error, ClientAuthenticationError | CodeInvalidError)
    description = f"Refused. The log of this server says why: {request_id()}"
    if isinstance(error, DependencyUnavailableError):
        response = jsonify(error="temporarily_unavailable", error_description=description)
        response.status_code = 503
        response.headers["Retry-After"] = "5"  # seconds
        return response
    response = jsonify(
        error=error.error, error_description=description if secretive else str(error)
    )
    response.status_code = 400
    if isinstance(error, ClientAuthenticationError):
        response.status_code = 401
        response.headers["WWW-Authenticate"] = 'Basic realm="token"'
    return response
