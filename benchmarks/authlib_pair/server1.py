"""Authlib's provider: signs in whoever asks, and issues codes and ID Tokens to SERVER2.

Its access tokens are opaque and in the database, Authlib's default; with ``PEER_ACCESS_TOKENS=jwt``
they are JWTs of RFC 9068, which are kept with the refresh token beside them, or nowhere. With
``PEER_KEEPS_JWTS`` each is kept, which Authlib asks of a server that can revoke them, and looked up
when it comes. A service that signs its own assertions gets tokens for itself; ``PEER_SERVICE_KEY``
is its public key.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.integrations.sqla_oauth2 import (
    create_bearer_token_validator,
    create_query_token_func,
    create_revocation_endpoint,
    create_save_token_func,
)
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator, JWTBearerTokenValidator
from authlib.oidc.core import UserInfo, UserInfoEndpoint
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, session
from joserfc.jwk import RSAKey
from sqlalchemy.exc import IntegrityError

from benchmarks.authlib_pair.tables import (
    Assertion,
    AuthorizationCode,
    Token,
    User,
    db,
    prepare,
    query_client,
)

ISSUER = os.environ["PEER_SERVER1"]
KEY = RSAKey.import_key(Path(os.environ["PEER_PRIVATE_KEY"]).read_bytes(), {"use": "sig"})
KEY.ensure_kid()
SERVICE_KEY = (
    RSAKey.import_key(Path(os.environ["PEER_SERVICE_KEY"]).read_bytes())
    if ("PEER_SERVICE_KEY" in os.environ)
    else None
)
ISSUES_JWTS = os.environ.get("PEER_ACCESS_TOKENS") == "jwt"
KEEPS_ALL = not ISSUES_JWTS or "PEER_KEEPS_JWTS" in os.environ


class CodeGrant(AuthorizationCodeGrant):
    def save_authorization_code(self, code: str, request: Any) -> None:
        db.add(
            AuthorizationCode(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.payload.scope,
                nonce=request.payload.data.get("nonce"),
                user_id=request.user.id,
            )
        )
        db.commit()

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        found = db.query(AuthorizationCode).filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code: Any) -> None:
        db.delete(authorization_code)
        db.commit()

    def authenticate_user(self, authorization_code: Any) -> User:
        user: User = authorization_code.user
        return user


class RefreshGrant(RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True  # and the old one is revoked: they rotate

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        found: Any = db.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found and not found.is_revoked() else None

    def authenticate_user(self, refresh_token: Any) -> User:
        user: User = refresh_token.user
        return user

    def revoke_old_credential(self, refresh_token: Any) -> None:
        refresh_token.refresh_token_revoked_at = int(time.time())
        db.commit()


class ServiceGrant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = (JWTBearerClientAssertion.CLIENT_AUTH_METHOD,)


class ServiceAssertion(JWTBearerClientAssertion):
    def get_audiences(self) -> list[str]:
        return [ISSUER]

    def resolve_client_public_key(self, client: Any) -> RSAKey | None:
        return SERVICE_KEY

    def validate_jti(self, claims: Any, jti: str) -> bool:
        db.add(Assertion(jti=f"{claims['sub']} {jti}"))
        try:
            db.commit()
        except IntegrityError:
            db.rollback()
            return False
        return True


class IDToken(OpenIDCode):
    def exists_nonce(self, nonce: str, request: Any) -> bool:
        codes = db.query(AuthorizationCode)
        return bool(codes.filter_by(client_id=request.payload.client_id, nonce=nonce).first())

    def resolve_client_private_key(self, client: Any) -> RSAKey:
        return KEY

    def get_encode_header(self, client: Any) -> dict[str, Any]:
        return {"alg": "RS256", "kid": KEY.kid}

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        return {"iss": ISSUER, "aud": [client.get_client_id()]}

    def generate_user_info(self, user: Any, scope: str) -> UserInfo:
        return user_info(user, scope)


class AccessTokens(JWTBearerTokenGenerator):
    def get_jwks(self) -> RSAKey:
        return KEY

    def get_audiences(self, client: Any, user: Any, scope: str) -> str:
        return ISSUER


class AccessTokenValidator(JWTBearerTokenValidator):
    def get_jwks(self) -> RSAKey:
        return KEY

    def authenticate_token(self, token_string: str) -> Any:
        token: Any = super().authenticate_token(token_string)
        if KEEPS_ALL:
            kept = query_token(token_string, "access_token")
            if kept is None or kept.is_revoked():
                raise InvalidTokenError
        # What UserInfoEndpoint asks a token for, and these claims do not have.
        token.scope = token["scope"]
        token.get_client = lambda: query_client(token["client_id"])
        token.get_user = lambda: db.get(User, int(token["sub"]))
        return token


class UserInfoAnswers(UserInfoEndpoint):
    def generate_user_info(self, user: Any, scope: str) -> UserInfo:
        return user_info(user, scope)


def user_info(user: User, scope: str) -> UserInfo:
    return UserInfo(sub=str(user.id), name=user.name, email=user.email).filter(scope)


def new_refresh_token(**_more: object) -> str:
    return secrets.token_urlsafe(48)


def keep_what_is_refreshed(token: Any, request: Any) -> None:
    """Keep what a refresh token stands for; without one, a JWT says itself what it stands for."""
    if "refresh_token" in token:
        save_token(token, request)


save_token = create_save_token_func(db, Token)
query_token = create_query_token_func(db, Token)


def provider(app: Flask) -> Any:
    """Return Authlib's server with the grants, clients' authentication and endpoints it is for."""
    save = save_token if KEEPS_ALL else keep_what_is_refreshed
    server: Any = AuthorizationServer(app, query_client, save)
    server.register_grant(CodeGrant, [IDToken(require_nonce=True)])
    server.register_grant(RefreshGrant)
    server.register_grant(ServiceGrant)
    server.register_client_auth_method(ServiceAssertion.CLIENT_AUTH_METHOD, ServiceAssertion())
    require_oauth: Any = ResourceProtector()
    if ISSUES_JWTS:
        # Only where something is refreshed: the other rows are not to pay for a row in a table.
        refreshes = new_refresh_token if "PEER_REFRESHES" in os.environ else None
        generator = AccessTokens(ISSUER, refresh_token_generator=refreshes)
        server.register_token_generator("default", generator)
        require_oauth.register_token_validator(AccessTokenValidator(ISSUER, ISSUER))
    else:
        require_oauth.register_token_validator(create_bearer_token_validator(db, Token)())
    server.register_endpoint(UserInfoAnswers(resource_protector=require_oauth))
    server.register_endpoint(create_revocation_endpoint(db, Token))
    return server


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["PEER_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "authlib1"
    prepare()
    server = provider(app)

    @app.teardown_appcontext
    def close(_error: BaseException | None) -> None:
        db.remove()

    @app.post("/login")
    def login() -> str:
        session["user_id"] = 1
        return "signed in"

    @app.get("/authorize")
    def authorize() -> Any:
        user = db.get(User, session["user_id"])
        grant = server.get_consent_grant(end_user=user)
        return server.create_authorization_response(grant_user=user, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/userinfo")
    def userinfo() -> Any:
        return server.create_endpoint_response("userinfo")

    @app.post("/revoke")
    def revoke() -> Any:
        return server.create_endpoint_response("revocation")

    @app.get("/jwks")
    def jwks() -> dict[str, object]:
        return {"keys": [KEY.as_dict(private=False)]}

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, object]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "revocation_endpoint": f"{ISSUER}/revoke",
            "jwks_uri": f"{ISSUER}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    return app
