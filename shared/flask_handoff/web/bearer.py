"""Bearer tokens: the one access token of a request, and the answer where it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Request
from werkzeug.wrappers import Response

from flask_handoff.claims import AccessClaims, UnverifiedToken
from flask_handoff.errors import (
    AccessTokenError,
    DependencyUnavailableError,
    HandoffRejectedError,
    InsufficientScopeError,
)
from flask_handoff.signals import access_token_rejected

from .current import this_request
from .events import report_rejected
from .request_guards import request_id
from .responses import json_response

PARAMETER = "access_token"

_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*", re.ASCII)
_TOKEN68 = re.compile(r" +([A-Za-z0-9._~+/-]+=*)", re.ASCII)

Refusal = AccessTokenError | HandoffRejectedError | DependencyUnavailableError
"""What a request with an access token can be refused for."""


def bearer_token() -> UnverifiedToken:
    """Return the one access token of the current request.

    It stands in the header ``Authorization``, or in the form of a POST. In a query it would stand
    in logs, in the browser's history and in ``Referer``.

    Raises:
        AccessTokenError: There is none; or it came in two ways, or not of its form.

    Sources: RFC 6750, section 2; RFC 9700, section 4.3.2.
    """
    request = this_request()
    environ = request.environ
    if environ.get("QUERY_STRING") and PARAMETER in request.args:
        raise _malformed(f"{PARAMETER}: not in a query, where others can read it")
    unverified_header: str | None = environ.get("HTTP_AUTHORIZATION")
    in_form = _values_in_form(request)
    if len(in_form) + (unverified_header is not None) > 1:
        raise _malformed("more than one way to authenticate at once")
    if in_form:
        return UnverifiedToken(in_form[0])
    return _read_header(unverified_header or "")


def check_scope(claims: AccessClaims, *required: str) -> None:
    """Check that an access token allows all of this.

    Raises:
        InsufficientScopeError: It does not.
    """
    if not claims.scope.issuperset(required):
        raise about(claims, InsufficientScopeError(frozenset(required)))


def about(claims: AccessClaims, error: AccessTokenError) -> AccessTokenError:
    """Say in an error which genuine token it is about, for the log."""
    error.kid, error.jwt_id, error.issuer = claims.kid, claims.jwt_id, claims.issuer
    return error


def oauth_error(status: int, **members: str) -> Response:
    """Return a refusal in the members that OAuth's own endpoints use: ``error`` and the rest."""
    return json_response(members, status)


def refuse(error: Refusal, *, realm: str, body: Callable[..., Response] = oauth_error) -> Response:
    """Answer a request that is refused, write the line in the log, and send the signal.

    What is wrong with a token, only the log tells: whoever tries a stolen or forged one shall not
    learn which check it has to pass. What is wrong with the request, its developer is told.

    Args:
        error: Why. A dependency that is out of reach is 503, and says nothing about the token.
        realm: What the tokens are for, plain ASCII without quotation marks and backslashes.
        body: Makes the response, of a status and what the program is told.

    Sources: RFC 6750, section 3; RFC 9110, sections 11.6.1 and 15.6.4.
    """
    report_rejected("access token", access_token_rejected, error)
    description = f"Refused. The log of this server says why: {request_id()}"
    if isinstance(error, DependencyUnavailableError):
        response = body(503, error="temporarily_unavailable", error_description=description)
        response.headers["Retry-After"] = "5"  # seconds
        return response
    status, told = 401, {"error": "invalid_token", "error_description": description}
    if isinstance(error, AccessTokenError):
        status = error.status
        if error.error is None:
            # A program that did not know it needs a token has made no error.
            description, told = str(error), {}
        elif error.error != "invalid_token":
            description = str(error)
            told = {"error": error.error, "error_description": description}
    if isinstance(error, InsufficientScopeError):
        told["scope"] = " ".join(sorted(error.scope))
    response = body(status, **{"error_description": description, **told})
    response.headers["WWW-Authenticate"] = "Bearer " + ", ".join(
        f'{name}="{value}"' for name, value in {"realm": realm, **told}.items()
    )
    return response


def _values_in_form(request: Request) -> list[str]:
    if request.method != "POST" or request.mimetype != "application/x-www-form-urlencoded":
        return []
    request.get_data()  # is kept: what is read as a form first, the view could not read as it came
    # Sent without a value is not sent (RFC 6749, section 3.1).
    return [value for value in request.form.getlist(PARAMETER) if value]


def _read_header(unverified_header: str) -> UnverifiedToken:
    scheme = _SCHEME.match(unverified_header)
    if scheme is None or scheme[0].lower() != "bearer":
        raise AccessTokenError("an access token is needed", error=None, status=401)
    token = _TOKEN68.fullmatch(unverified_header, scheme.end())
    if token is None:
        raise _malformed("Authorization: expected Bearer, a space and the token")
    return UnverifiedToken(token[1])


def _malformed(problem: str) -> AccessTokenError:
    return AccessTokenError(problem, error="invalid_request", status=400)
