"""What the issuer tells everybody: its metadata, and its public keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from flask import current_app
from werkzeug.wrappers import Response

from flask_handoff.keys import JWKS_MAX_AGE

from .clients import Client
from .clients.authentication import ASSERTION_METHOD, METHODS
from .context import IssuerContext, issuer_context


def metadata() -> Response:
    """Answer with the issuer's metadata."""
    return _public_json(json.dumps(metadata_of(issuer_context())).encode())


def metadata_of(issuer: IssuerContext) -> dict[str, object]:
    """Return what an issuer tells everybody of itself.

    An issuer of ID Tokens only does not announce ``query``: the standard forbids it for them, so it
    is open only to clients that were registered with it. A code may travel in a query.

    Clients that were registered with an address for it are notified of logouts.

    Sources: OpenID Connect Discovery 1.0, sections 3 and 4.2; RFC 8414, sections 2 and 3; OpenID
    Connect Back-Channel Logout 1.0, section 2.1; OpenID Connect RP-Initiated Logout 1.0,
    section 2.1.
    """
    base, clients = issuer.config.endpoints_url, list(issuer.clients)
    notifies_of_logouts = any(client.backchannel_logout_uri for client in clients)
    document: dict[str, object] = {
        "issuer": issuer.config.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "jwks_uri": f"{issuer.config.issuer}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "response_modes_supported": ["form_post"],
        "grant_types_supported": ["implicit"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "nonce", "jti", "sid", "auth_time"),
            *("scope", "name", "email", "email_verified"),
        ],
        "prompt_values_supported": ["none", "login", "select_account"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": notifies_of_logouts,
        "backchannel_logout_session_supported": notifies_of_logouts,
    }
    if issuer.hooks.consent_endpoint is not None:
        document["prompt_values_supported"] = ["none", "login", "select_account", "consent"]
    if issuer.logouts is not None:
        document["end_session_endpoint"] = f"{base}/end-session"
    if issuer.grant_types:
        document |= _of_tokens(issuer, clients)
    if issuer.codes is not None:
        document |= _of_codes(base)
    return document


def _of_tokens(issuer: IssuerContext, clients: Iterable[Client]) -> Mapping[str, object]:
    services = {scope for client in clients for scope in client.scopes}
    offline = "refresh_token" in issuer.grant_types
    return {
        **_endpoint(issuer, "token", "token"),
        **(_of_issued(issuer) if issuer.issued else {}),
        "grant_types_supported": sorted([*issuer.grant_types, "implicit"]),
        "scopes_supported": [
            *("openid", "profile", "email"),
            *(["offline_access"] if offline else ()),
            *sorted(services),
        ],
    }


def _of_issued(issuer: IssuerContext) -> Mapping[str, object]:
    return {
        **_endpoint(issuer, "revocation", "revoke"),
        **_endpoint(issuer, "introspection", "introspect", proves_who_it_is=True),
    }


def _endpoint(
    issuer: IssuerContext, name: str, path: str, *, proves_who_it_is: bool = False
) -> Mapping[str, object]:
    """Return the members about an endpoint at which clients authenticate."""
    methods = [method for method in METHODS if method != "none" or not proves_who_it_is]
    members: dict[str, object] = {f"{name}_endpoint": f"{issuer.config.endpoints_url}/{path}"}
    if issuer.assertions is not None:
        methods.insert(0, ASSERTION_METHOD)
        members[f"{name}_endpoint_auth_signing_alg_values_supported"] = ["RS256"]
    members[f"{name}_endpoint_auth_methods_supported"] = methods
    return members


def _of_codes(base: str) -> Mapping[str, object]:
    return {
        "userinfo_endpoint": f"{base}/userinfo",
        "response_types_supported": ["code", "id_token"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
    }


def jwks() -> Response:
    """Answer with the public keys.

    Source: RFC 7517, section 5.
    """
    return _public_json(issuer_context().keys.jwks_json)


def _public_json(document: bytes) -> Response:
    response = current_app.response_class(document, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE.total_seconds():.0f}"
    return response
