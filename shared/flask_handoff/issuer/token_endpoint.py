"""The token endpoint: a client exchanges what was granted to it for tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from werkzeug.wrappers import Response

from flask_handoff.claims import ClientGrant
from flask_handoff.errors import TokenRequestError
from flask_handoff.profiles import ACCESS, PROFILES
from flask_handoff.web.parameters import ParameterReader

from .client_credentials import ClientScopeHook, grant_for_itself
from .client_request import Answer, Reply, answer_client
from .clients import Client
from .codes import Codes, Redeemed
from .context import issuer_context
from .refresh_tokens import Refreshed, RefreshTokens, new_jwt_id


def token() -> Response:
    """Answer a request for tokens, in JSON.

    Source: RFC 6749, sections 5.1 and 5.2.
    """
    return answer_client("token", _issue)


def _issue(client: Client, read: ParameterReader) -> Reply:
    grant_type = read.text("grant_type")
    if grant_type is None:
        raise TokenRequestError("grant_type: missing")
    grants = _grants()
    if grant_type not in grants:
        raise TokenRequestError(
            f"grant_type: expected {' or '.join(grants)}", error="unsupported_grant_type"
        )
    if grant_type != "client_credentials" and "code" not in client.response_types:
        raise TokenRequestError("not registered for codes", error="unauthorized_client")
    return grants[grant_type](client, read)


def _grants() -> Mapping[str, Answer]:
    issuer = issuer_context()
    codes, client_scope = issuer.codes, issuer.hooks.client_scope
    grants: dict[str, Answer] = {}
    if codes is not None:
        grants["authorization_code"] = partial(_exchange_code, codes)
        if codes.refresh_tokens is not None:
            grants["refresh_token"] = partial(_refresh, codes.refresh_tokens)
    if client_scope is not None:
        grants["client_credentials"] = partial(_serve, client_scope)
    return grants


def _serve(client_scope: ClientScopeHook, client: Client, read: ParameterReader) -> Reply:
    issuer = issuer_context()
    issued_at, client_id = issuer.valid_after.now(), client.client_id
    issuer.valid_after.check_due(issued_at, client_id, client_id, None)
    grant = grant_for_itself(
        client, read, client_scope, issuer=issuer.config.issuer, clients=issuer.clients
    )
    return partial(_answer_service, grant, issued_at)


def _answer_service(grant: ClientGrant, issued_at: datetime) -> Mapping[str, object]:
    access_token = issuer_context().minter.mint_access(
        subject=grant.client_id,
        client_id=grant.client_id,
        audience=grant.audience,
        scope=grant.scope,
        session_id=None,
        jwt_id=grant.jwt_id,
        issued_at=issued_at,
    )
    return _bearer(access_token, grant.scope)


def _exchange_code(codes: Codes, client: Client, read: ParameterReader) -> Reply:
    redeemed = codes.redeem(client, read, issuer_context().clock())
    grant = redeemed.grant
    return partial(_answer, client, redeemed, jwt_id=grant.jwt_id, nonce=grant.nonce)


def _refresh(refresh_tokens: RefreshTokens, client: Client, read: ParameterReader) -> Reply:
    # What cannot be signed or recorded must not cost the client the token that it holds.
    with refresh_tokens.refreshed(client, read, issuer_context().clock()) as refreshed:
        answer = _answer(client, refreshed, jwt_id=new_jwt_id(refreshed.grant.family_id))
    return partial(dict, answer)


def _answer(
    client: Client, granted: Redeemed | Refreshed, *, jwt_id: str, nonce: str | None = None
) -> Mapping[str, object]:
    minter = issuer_context().minter
    grant, user, refresh_token, issued_at = granted
    access_token = minter.mint_access(
        subject=grant.subject,
        client_id=grant.client_id,
        audience=grant.audience,
        scope=grant.access_scope,
        # With a refresh token it is good beyond the session, as the next one will be.
        session_id=grant.session_id if refresh_token is None else None,
        jwt_id=jwt_id,
        issued_at=issued_at,
    )
    answer = _bearer(access_token, grant.scope)
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    if "openid" in grant.scope:
        answer["id_token"] = minter.mint(
            PROFILES[client.policy],
            user,
            audience=client.client_id,
            nonce=nonce,
            scope=grant.scope,
            auth_time=grant.auth_time,
            issued_at=issued_at,
        )
    return answer


def _bearer(access_token: str, scope: frozenset[str]) -> dict[str, object]:
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(ACCESS.lifetime.total_seconds()),
        "scope": " ".join(sorted(scope)),
    }
