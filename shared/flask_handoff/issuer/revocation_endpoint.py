"""The revocation endpoint: a client ends a token of its own that it does not need any more."""

from __future__ import annotations

import logging
from typing import cast

from werkzeug.wrappers import Response

from flask_handoff.claims import AccessClaims, RefreshFamily, UnverifiedToken
from flask_handoff.errors import AccessTokenError, HandoffRejectedError, RefreshTokenInvalidError
from flask_handoff.web import request_id
from flask_handoff.web.parameters import ParameterReader

from .client_request import Reply, answer_client, presented_token
from .clients import Client
from .context import IssuerContext, issuer_context
from .issued_tokens import IssuedTokens
from .refresh_tokens import has_form_of_ours

_log = logging.getLogger("flask_handoff")


def revoke() -> Response:
    """Answer a request to revoke a token: 200, unless it is not known whether that was done.

    Source: RFC 7009, section 2.
    """
    return answer_client("revocation", _revoke)


def revoke_any(issuer: IssuerContext, token: UnverifiedToken) -> AccessClaims | RefreshFamily:
    """Revoke a token of whatever client, see ``HandoffIssuer.revoke_token``."""
    refresh_tokens = issuer.codes and issuer.codes.refresh_tokens
    if refresh_tokens is not None and has_form_of_ours(token):
        return refresh_tokens.end(token)
    if issuer.issued is None:
        raise RuntimeError("HandoffIssuer.init_app was given no revoked_tokens")
    return issuer.issued.end(token, issuer.clock())


def _revoke(client: Client, read: ParameterReader) -> Reply:
    token, issuer = presented_token(read), issuer_context()
    refresh_tokens = issuer.codes and issuer.codes.refresh_tokens
    try:
        if refresh_tokens is not None and has_form_of_ours(token):
            refresh_tokens.revoke(client, token)
        else:
            cast(IssuedTokens, issuer.issued).revoke(client, token, issuer.clock())
    except (RefreshTokenInvalidError, HandoffRejectedError, AccessTokenError) as error:
        # Whoever tries a token that is not theirs shall not learn whether there is such a one.
        _log.info(
            "nothing revoked: client_id=%s check=%s reason=%s request_id=%s",
            client.client_id,
            error.check or "-",
            error,
            request_id(),
        )
    return dict
