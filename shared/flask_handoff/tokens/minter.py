"""Minting: signs what SERVER1 says of a person, of a logout, or of what a program may do."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flask_handoff.claims import AccessClaims, Clock, Revocation, SignedInUser, system_clock
from flask_handoff.errors import TokenKeyUnknownError
from flask_handoff.keys import IssuerKeys
from flask_handoff.profiles import (
    ACCESS,
    LOGOUT,
    LOGOUT_EVENT,
    REVOCATION,
    SESSION_REVOKED,
    TOKEN_REVOKED,
    TOKENS_REVOKED,
    TokenProfile,
)

from .genuine_tokens import GenuineTokens
from .strict_jwt import sign_token


class TokenMinter:
    """Mints tokens with the ring's newest active key.

    Args:
        issuer: The ``iss`` of every token: SERVER1's public base URL.
        key_ring: Where the signing key comes from: a ``KeyRing``, a ``WatchedKeyRing``, or
            ``ExternalKeys``.
        genuine: Where access tokens come back to their issuer: is told of each that is minted.
    """

    def __init__(
        self,
        *,
        issuer: str,
        key_ring: IssuerKeys,
        genuine: GenuineTokens | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._issuer = issuer
        self._key_ring = key_ring
        self._genuine = genuine
        self._clock = clock

    def mint(
        self,
        profile: TokenProfile,
        user: SignedInUser,
        *,
        audience: str,
        nonce: str | None,
        scope: frozenset[str],
        auth_time: datetime | None = None,
        issued_at: datetime | None = None,
    ) -> str:
        """Mint one token, good for one client, once, for the profile's lifetime.

        Args:
            profile: ``HANDOFF`` or ``OIDC``.
            user: Who is signed in. The name goes into the token with scope ``profile``, the address
                with scope ``email``.
            audience: The receiver's ``client_id``.
            nonce: From the receiver's request: binds the token to one browser. None where the
                token travels from server to server, and the receiver sent none.
            scope: What was requested and granted, both.
            auth_time: When the user had last proved who they are when this was granted; None for
                now.
            issued_at: Its date, a whole second; None for now.

        Raises:
            SigningUnavailableError: The key is elsewhere and gives no signature now.

        Sources: OpenID Connect Core 1.0, sections 2 and 5.4; RFC 7519, section 4.1.
        """
        claims: dict[str, object] = {
            "sub": user.subject,
            "sid": user.session_id,
            "auth_time": int((auth_time or user.auth_time).timestamp()),
            "scope": " ".join(sorted(scope)),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        claims |= claims_about(user, scope)
        return self._sign(profile, audience, self._second(issued_at), claims)

    def mint_access(
        self,
        *,
        subject: str,
        client_id: str,
        audience: str,
        scope: frozenset[str],
        session_id: str | None,
        jwt_id: str,
        issued_at: datetime | None = None,
    ) -> str:
        """Mint one access token: it lets a program act for a user, at one service.

        Args:
            subject: Whose it is.
            client_id: The program.
            audience: The service: its base URL, or the issuer for ``/userinfo``.
            scope: What the program may do there.
            session_id: The ``sid`` of the session that granted it; None without one.
            jwt_id: What it is known by when it is revoked: 256 random bits in base64url.
            issued_at: Its date, a whole second; None for now.

        Raises:
            SigningUnavailableError: The key is elsewhere and gives no signature now.

        Source: RFC 9068, section 2.
        """
        claims: dict[str, object] = {"jti": jwt_id, "sub": subject, "client_id": client_id}
        if scope:
            claims["scope"] = " ".join(sorted(scope))
        if session_id is not None:
            claims["sid"] = session_id
        return self._sign(ACCESS, audience, self._second(issued_at), claims)

    def mint_logout(
        self,
        *,
        audience: str,
        ended_at: datetime,
        session_id: str | None = None,
        subject: str | None = None,
        valid_after: datetime | None = None,
    ) -> str:
        """Mint one logout token: it tells one client which of its users' sessions have ended.

        Args:
            audience: The receiver's ``client_id``.
            ended_at: When they ended. A later session of the same account is not meant.
            session_id: The ``sid`` of the one session that ended; None for all of the account's.
            subject: The account; it may be left out where the session is named.
            valid_after: Where that session ends at the client alone: what is minted for it from
                this whole second on is to be accepted there. It is a claim of our own, which
                others ignore.

        Raises:
            SigningUnavailableError: The key is elsewhere and gives no signature now.
            ValueError: Neither a session nor an account is named.

        Sources: OpenID Connect Back-Channel Logout 1.0, section 2.4; RFC 8417, section 2.2.
        """
        whose = {"sid": session_id, "sub": subject}
        claims: dict[str, object] = {name: value for name, value in whose.items() if value}
        if not claims:
            raise ValueError("a logout token names a session or an account")
        issued_at = int(self._clock().timestamp())
        claims["events"] = {LOGOUT_EVENT: {}}
        claims["toe"] = min(int(ended_at.timestamp()), issued_at)
        if valid_after is not None:
            claims["valid_after"] = int(valid_after.timestamp())
        return self._sign(LOGOUT, audience, issued_at, claims)

    def mint_revocation(self, *, audience: str, revocation: Revocation) -> str:
        """Mint one revocation notice: it tells one service which access tokens are dead.

        Args:
            audience: The service's ``client_id``.
            revocation: What is taken back.

        Raises:
            SigningUnavailableError: The key is elsewhere and gives no signature now.

        Source: RFC 8417, section 2.
        """
        claim, name = revocation.named_by
        event = {"jti": TOKEN_REVOKED, "sid": SESSION_REVOKED}.get(claim, TOKENS_REVOKED)
        date = "valid_after" if revocation.valid_after else "exp"
        told: dict[str, object] = {date: int(revocation.dated.timestamp())}
        if claim:
            told[claim] = name
        issued_at = int(self._clock().timestamp())
        return self._sign(REVOCATION, audience, issued_at, {"events": {event: told}})

    def _second(self, issued_at: datetime | None) -> int:
        return int((issued_at or self._clock()).timestamp())

    def _sign(
        self, profile: TokenProfile, audience: str, issued_at: int, claims: Mapping[str, object]
    ) -> str:
        payload: dict[str, Any] = {
            **({} if "jti" in claims else {"jti": secrets.token_urlsafe(32)}),
            **claims,
            "iss": self._issuer,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + int(profile.lifetime.total_seconds()),
        }
        key = self._key_ring.signing_key
        token = sign_token(payload, key, typ=profile.typ)
        if self._genuine is not None and profile is ACCESS:
            with suppress(TokenKeyUnknownError):  # withdrawn meanwhile
                said = _access_claims(payload, key.kid)
                self._genuine.keep(token, self._key_ring.key(key.kid), payload, said)
        return token


def _access_claims(payload: Mapping[str, Any], kid: str) -> AccessClaims:
    """Return what a verifier will read in this payload."""
    return AccessClaims(
        issuer=payload["iss"],
        subject=payload["sub"],
        audience=payload["aud"],
        client_id=payload["client_id"],
        scope=frozenset(payload.get("scope", "").split()),
        session_id=payload.get("sid"),
        issued_at=datetime.fromtimestamp(payload["iat"], UTC),
        expires_at=datetime.fromtimestamp(payload["exp"], UTC),
        jwt_id=payload["jti"],
        kid=kid,
    )


def claims_about(user: SignedInUser, scope: frozenset[str]) -> dict[str, object]:
    """Return what a scope tells about a person beside who they are; what is empty is left out.

    Source: OpenID Connect Core 1.0, sections 5.3.2 and 5.4.
    """
    claims: dict[str, object] = {}
    if "profile" in scope and user.name:
        claims["name"] = user.name
    if "email" in scope and user.email:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    return claims
