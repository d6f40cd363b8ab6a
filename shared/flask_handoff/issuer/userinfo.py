"""The UserInfo endpoint: what a program may know about the user who let it in."""

from __future__ import annotations

from typing import cast

from werkzeug.wrappers import Response

from flask_handoff.errors import (
    AccessTokenError,
    DependencyUnavailableError,
    HandoffRejectedError,
)
from flask_handoff.tokens.minter import claims_about
from flask_handoff.web.bearer import bearer_token, check_scope, refuse
from flask_handoff.web.request_guards import check_body
from flask_handoff.web.responses import json_response

from .codes import Codes
from .context import issuer_context
from .grants import one_transaction
from .issued_tokens import ended, user_of


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
            user = user_of(claims, issuer.clients, codes)
            if user is None:
                raise ended(claims, "it is a service's own, and about no user")
    except (AccessTokenError, HandoffRejectedError, DependencyUnavailableError) as error:
        return refuse(error, realm="userinfo")
    return json_response({"sub": claims.subject, **claims_about(user, claims.scope)})
