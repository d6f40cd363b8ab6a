"""The issuer's endpoints, and what holds for all of them."""

from __future__ import annotations

from flask import Blueprint

from flask_handoff.errors import AuthorizationRequestError, DependencyUnavailableError
from flask_handoff.web.cors import allow_every_origin
from flask_handoff.web.responses import TEMPLATES, errors_in_json, make_private, refuse_head

from .authorization_endpoint import authorize
from .authorization_response import refused, unavailable
from .context import IssuerContext
from .discovery import jwks, metadata
from .end_session import end_session
from .introspection_endpoint import introspect
from .revocation_endpoint import revoke
from .token_endpoint import token
from .userinfo import userinfo

BLUEPRINT = "handoff_issuer"
FOR_MACHINES = ("metadata", "jwks", "oauth_metadata", "introspect")

_FOR_PROGRAMS = tuple(
    f"{BLUEPRINT}.{name}" for name in ("token", "revoke", "introspect", "userinfo")
)
_ACTING = (f"{BLUEPRINT}.authorize", f"{BLUEPRINT}.end_session")  # also upon a GET


def make_blueprint(issuer: IssuerContext) -> Blueprint:
    """Make the blueprint of an application's endpoints, for what its issuer can answer."""
    grant_types, prefix = issuer.grant_types, issuer.config.url_prefix
    well_known = f"{issuer.config.well_known_prefix}/.well-known"
    blueprint = Blueprint(BLUEPRINT, __name__, template_folder=TEMPLATES)
    blueprint.before_request(refuse_head(*_ACTING))
    blueprint.after_request(make_private)
    blueprint.after_request(errors_in_json(*_FOR_PROGRAMS))
    open_to_scripts = ("metadata", "jwks", "oauth_metadata", "token", "revoke", "userinfo")
    blueprint.after_request(
        allow_every_origin(*(f"{BLUEPRINT}.{name}" for name in open_to_scripts))
    )
    blueprint.add_url_rule(f"{well_known}/openid-configuration", view_func=metadata)
    blueprint.add_url_rule(f"{well_known}/jwks.json", view_func=jwks)
    blueprint.add_url_rule(f"{prefix}/authorize", "authorize", authorize, methods=["GET", "POST"])
    if issuer.logouts is not None:
        blueprint.add_url_rule(
            f"{prefix}/end-session", view_func=end_session, methods=["GET", "POST"]
        )
    if grant_types:
        blueprint.add_url_rule(
            f"{well_known}/oauth-authorization-server", "oauth_metadata", metadata
        )
        blueprint.add_url_rule(f"{prefix}/token", view_func=token, methods=["POST"])
        if issuer.issued is not None:
            blueprint.add_url_rule(f"{prefix}/revoke", view_func=revoke, methods=["POST"])
            blueprint.add_url_rule(f"{prefix}/introspect", view_func=introspect, methods=["POST"])
    if "authorization_code" in grant_types:
        blueprint.add_url_rule(f"{prefix}/userinfo", view_func=userinfo, methods=["GET", "POST"])
    blueprint.register_error_handler(AuthorizationRequestError, refused)
    blueprint.register_error_handler(DependencyUnavailableError, unavailable)
    return blueprint
