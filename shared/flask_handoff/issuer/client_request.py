"""What the endpoints for clients have in common: who asks is authenticated, the answer is JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Literal

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    ClientAuthenticationError,
    CodeInvalidError,
    DependencyUnavailableError,
    RefreshTokenInvalidError,
    TokenRequestError,
)
from flask_handoff.signals import tokens_refused
from flask_handoff.web import request_id
from flask_handoff.web.bearer import oauth_error
from flask_handoff.web.current import this_request
from flask_handoff.web.events import send
from flask_handoff.web.parameters import ParameterReader, unverified_parameters
from flask_handoff.web.responses import json_response

from .clients import Client
from .clients.assertions import Proof
from .clients.authentication import authenticate_client
from .context import issuer_context
from .valid_after import ValidAfterRule

Reply = Callable[[], Mapping[str, object]]
"""Makes what a client is told, once what it was granted is committed: a KMS may take its time."""

Answer = Callable[[Client, ParameterReader], Reply]
"""Grants what a client asks for that is authenticated; ``TokenRequestError`` refuses it."""

_Kind = Literal["token", "revocation", "introspection"]

_log = logging.getLogger("flask_handoff")


def answer_client(kind: _Kind, answer: Answer) -> Response:
    """Authenticate the client that sends the current request, and answer it in JSON.

    Args:
        kind: What it asks for, for the log.

    Sources: RFC 6749, sections 5.1 and 5.2; RFC 7009, section 2; RFC 7662, section 2.
    """
    client = None
    try:
        read, issuer = _read_parameters(), issuer_context()
        header = this_request().environ.get("HTTP_AUTHORIZATION")
        proof = authenticate_client(read, header, issuer.clients, issuer.assertions)

        def grant() -> Reply:
            nonlocal client
            client = proof.client
            return answer(client, read)

        reply = _redeemed(proof, grant, issuer.valid_after)
        response = json_response(reply())
    except (TokenRequestError, DependencyUnavailableError) as error:
        response = _refuse(kind, error, client)
    response.headers.add("Pragma", "no-cache")  # beside no-store, for caches of HTTP/1.0
    return response


def _redeemed(proof: Proof, grant: Callable[[], Reply], valid_after: ValidAfterRule) -> Reply:
    """Redeem what proves who asks, then grant: in one transaction, where the store has them.

    What proved it is spent by a refusal as well. Where it is not known what was granted, neither
    holds, and it is as good as before.
    """
    if proof.transaction is None:
        proof.redeem()
        return valid_after.when_due(grant)

    def redeem_and_grant(begin: Callable[[], AbstractContextManager[object]]) -> Reply:
        with begin():
            proof.redeem()
            try:
                return grant()
            except TokenRequestError as error:
                refusal = error  # this is committed
        raise refusal

    return valid_after.when_due(partial(redeem_and_grant, proof.transaction))


def presented_token(read: ParameterReader) -> UnverifiedToken:
    """Return the token that a request is about.

    What kind it is shows in its form: a hint at that, right or wrong, makes no difference.

    Raises:
        TokenRequestError: There is none; or it, or the hint, was sent twice.
    """
    token, _hint = read.text("token"), read.text("token_type_hint")
    if token is None:
        raise TokenRequestError("token: missing")
    return UnverifiedToken(token)


def _read_parameters() -> ParameterReader:
    try:
        return ParameterReader(unverified_parameters(), TokenRequestError)
    except (BadRequest, UnsupportedMediaType) as error:
        raise TokenRequestError("expected a form, and no query") from error


def _refuse(
    kind: _Kind, error: TokenRequestError | DependencyUnavailableError, client: Client | None
) -> Response:
    """Tell the client what its developer can do about it, and the log what it was.

    What is wrong with a code, a refresh token or a secret, only the log tells: whoever tries one
    that is not theirs shall not learn more.
    """
    unauthenticated = error if isinstance(error, ClientAuthenticationError) else None
    claimed = unauthenticated and unauthenticated.claimed_client_id
    _log.warning(
        "%s request refused: code=%s client_id=%s reason=%s request_id=%s",
        kind,
        error.code,
        (claimed or "-") if client is None else client.client_id,
        error,
        request_id(),
    )
    send(tokens_refused, error=error, client=client)
    secretive = isinstance(
        error, ClientAuthenticationError | CodeInvalidError | RefreshTokenInvalidError
    )
    description = f"Refused. The log of this server says why: {request_id()}"
    if isinstance(error, DependencyUnavailableError):
        response = oauth_error(503, error="temporarily_unavailable", error_description=description)
        response.headers["Retry-After"] = "5"  # seconds
        return response
    response = oauth_error(
        401 if unauthenticated else 400,
        error=error.error,
        error_description=description if secretive else str(error),
    )
    if unauthenticated:
        response.headers["WWW-Authenticate"] = 'Basic realm="token"'
    return response
