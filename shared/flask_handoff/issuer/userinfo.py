"""The UserInfo endpoint: what a program may know about the user who let it in."""

from __future__ import annotations

from typing import cast

from flask import jsonify
from werkzeug.wrappers import Response

from flask_handoff.claims import AccessClaims, SignedInUser
from flask_handoff.errors import (
    AccessTokenError,
    ClientUnknownError,
    DependencyUnavailableError,
    HandoffRejectedError,
)
from flask_handoff.tokens.minter import claims_about
from flask_handoff.web.bearer import about, bearer_token, check_scope, refuse
from flask_handoff.web.request_guards import check_body

from .codes import Codes
from .context import IssuerContext, issuer_context
from .grants import one_transaction


def userinfo() -> Response:
    """Answer a program with what the scope of its access token tells about its user, as of now.

    Source: OpenID Connect Core 1.0, sections 5.3 and 5.4.
    """
    check_body()
    issuer = issuer_context()
    codes = cast(Codes, issuer.codes)
    try:
        token = bearer_token()
        # All that is asked of the database is about one moment.
        with one_transaction(codes.store, reads=True):
            claims = issuer.access_verifier.verify(token)
            check_scope(claims, "openid")
            user = _user(issuer, codes, claims)
    except (AccessTokenError, HandoffRejectedError, DependencyUnavailableError) as error:
        return refuse(error, realm="userinfo")
    response: Response = jsonify(sub=claims.subject, **claims_about(user, claims.scope))
    return response


def _user(issuer: IssuerContext, codes: Codes, claims: AccessClaims) -> SignedInUser:
    """Return the user as they are now; a session, an account and a client can have ended since."""
    try:
        client = issuer.clients.client(claims.client_id)
    except ClientUnknownError:
        raise _ended(claims, "its client is not registered any more") from None
    if claims.subject == claims.client_id:
        raise _ended(claims, "it is a service's own, and about no user")
    if claims.session_id is None and codes.refresh_tokens is None:
        raise _ended(claims, "no user's session has granted it")
    user = codes.token_user(client, claims.subject, claims.session_id)
    if user is None:
        raise _ended(claims, "its session, its account or the consent to it has ended")
    return user


def _ended(claims: AccessClaims, reason: str) -> AccessTokenError:
    return about(claims, AccessTokenError(reason, error="invalid_token", status=401))
