"""Minting and verifying: the only ``jwt.encode`` and ``jwt.decode`` of the project.

What PyJWT accepts by default and this module refuses is listed in ``docs/threat-model.md``. The
header and the payload are read by our own strict reader before anything in them is believed.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from .claim_reader import ClaimReader, missing, not_of_its_form
from .claims import Clock, HandoffClaims, UnverifiedToken, system_clock
from .errors import (
    AttemptUnknownError,
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenSignatureError,
)
from .keys import KeyRing, KeySource, VerificationKey
from .profiles import HANDOFF, TokenProfile
from .replay import ReplayStore
from .strict_jwt import StrictJWT, read_header

ALGORITHM = "RS256"  # the only one, on both sides, never taken from a token or a key
MAXIMUM_TOKEN_LENGTH = 4096  # characters; a handoff by a key of 2048 bits is about 950
REPLAY_MARGIN = timedelta(seconds=60)  # remembered this much longer than a token is accepted

_COMPACT_FORM = re.compile(
    r"([A-Za-z0-9_-]{2,1024})\.[A-Za-z0-9_-]{2,3072}\.([A-Za-z0-9_-]{342,683})", re.ASCII
)
_KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_JWT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
_NONCE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_LONGEST_SCOPE = 1024  # characters


class TokenMinter:
    """Mints tokens with the ring's newest active key.

    Args:
        issuer: The ``iss`` of every token: SERVER1's public base URL.
        key_ring: Where the signing key comes from.
        clock: Tells the time.
    """

    def __init__(self, *, issuer: str, key_ring: KeyRing, clock: Clock = system_clock) -> None:
        self._issuer = issuer
        self._key_ring = key_ring
        self._clock = clock

    def mint(
        self,
        profile: TokenProfile,
        *,
        audience: str,
        subject: str,
        nonce: str,
        session_id: str,
        auth_time: datetime,
        scope: frozenset[str],
        about: Mapping[str, str | bool],
    ) -> str:
        """Mint one token, good for one client, once, for the profile's lifetime.

        Args:
            profile: ``HANDOFF`` or ``OIDC``.
            audience: The receiver's ``client_id``.
            subject: The account's identifier.
            nonce: From the receiver's request: binds the token to one browser.
            session_id: The ``sid`` claim, the public reference of the user's session.
            auth_time: When the user last proved who they are.
            scope: What was requested and granted, both.
            about: Claims about the person, such as ``name``.

        Sources: OpenID Connect Core 1.0, section 2; RFC 7519, section 4.1.
        """
        issued_at = int(self._clock().timestamp())
        payload = {
            **about,
            "iss": self._issuer,
            "sub": subject,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + int(profile.lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(32),
            "nonce": nonce,
            "sid": session_id,
            "auth_time": int(auth_time.timestamp()),
            "scope": " ".join(sorted(scope)),
        }
        key = self._key_ring.signing_key
        headers = {"kid": key.kid, "typ": profile.typ}
        return jwt.encode(payload, key.private_key, algorithm=ALGORITHM, headers=headers)


class TokenVerifier:
    """Turns a token from outside into claims, once, or raises.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: This receiver's ``client_id``, the only ``aud`` that is accepted.
        keys: The issuer's public keys; never those of another issuer.
        replay_store: Remembers what was used.
        profile: Which kind of token is expected here.
        clock: Tells the time.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile = HANDOFF,
        clock: Clock = system_clock,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._replay_store = replay_store
        self._profile = profile
        self._clock = clock
        self._leeway = profile.leeway.total_seconds()
        self._remembered_after_expiry = profile.leeway + REPLAY_MARGIN
        self._maximum_lifetime = profile.maximum_lifetime.total_seconds()
        self._strict_jwt = StrictJWT(
            options={
                "verify_signature": True,
                "enforce_minimum_key_length": True,
                "require": ["iss", "aud", "sub", "exp", "iat", "nonce", *profile.required_claims],
                "verify_iss": True,
                "verify_aud": True,
                "strict_aud": True,  # an array could name a second audience that replays it
                "verify_sub": True,
                "verify_jti": True,
                # PyJWT reads the machine's clock and takes text, fractions and booleans for dates.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            }
        )

    def verify(
        self,
        unverified_token: UnverifiedToken,
        *,
        nonce: str | None,
        authenticated_after: datetime | None = None,
        remember_until: datetime | None = None,
    ) -> HandoffClaims:
        """Check the token completely, claim it, and return what it proves.

        The order is: form, header, key, signature, claims, replay. A token that is genuine but was
        meant for another browser has leaked: it is claimed, so that it is dead, and then refused.

        Args:
            unverified_token: Compact JWS as it came from the browser, at most 4,096 characters.
            nonce: What this browser's attempt is bound to; None when it has no attempt, and then
                nothing is ever accepted.
            authenticated_after: The user must have signed in at the issuer after this instant.
            remember_until: A token without ``jti`` is remembered until then at least.

        Raises:
            TokenMalformedError: Not a compact JWS of this kind, or not strict JSON inside.
            TokenKeyUnknownError: The issuer publishes no key of this ``kid``.
            TokenSignatureError: Not signed by that key, or changed since.
            TokenClaimError: A claim is missing, of the wrong type or value; its subclasses
                TokenExpiredError and TokenNotYetValidError where only the time is wrong.
            AttemptUnknownError: Genuine, but ``nonce`` is None.
            TokenReplayedError: Genuine, and used before.
            JWKSUnavailableError: No key is held and none can be had.
            ReplayStoreUnavailableError: It cannot be told whether the token was used before.

        Sources: RFC 7515, section 5.2; RFC 7519, section 7.2; RFC 8725, section 3;
        OpenID Connect Core 1.0, section 3.1.3.7.
        """
        key = self._check_form(unverified_token)
        payload = self._check_signature(unverified_token, key)
        now = self._clock().timestamp()
        claims = self._check_claims(payload, key.kid)
        self._check_window(payload, now)
        _check_authentication(claims, authenticated_after, self._profile.leeway)
        self._claim(claims, now, remember_until)
        _check_binding(claims, nonce)
        return claims

    def _check_form(self, unverified_token: UnverifiedToken) -> VerificationKey:
        if len(unverified_token) > MAXIMUM_TOKEN_LENGTH:
            raise TokenMalformedError(f"longer than {MAXIMUM_TOKEN_LENGTH} characters")
        form = _COMPACT_FORM.fullmatch(unverified_token)
        if form is None:
            raise TokenMalformedError("not a compact JWS")
        unverified_kid = _check_header(read_header(form.group(1)), self._profile)
        # The header is not trusted yet: it may only choose among the issuer's keys.
        key = self._keys.key(unverified_kid)
        if len(form.group(2)) != key.signature_length:
            raise TokenSignatureError(
                f"a signature by this key has {key.signature_length} characters"
            )
        return key

    def _check_signature(
        self, unverified_token: UnverifiedToken, key: VerificationKey
    ) -> Mapping[str, Any]:
        try:
            return self._strict_jwt.decode(
                unverified_token,
                key.public_key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
            )
        except jwt.PyJWTError as error:
            _translate(error, issuer=self._issuer, audience=self._audience)

    def _check_claims(self, payload: Mapping[str, Any], kid: str) -> HandoffClaims:
        read = ClaimReader(payload)
        if payload.get("azp", self._audience) != self._audience:
            raise TokenClaimError('claim "azp" (authorized party): not this receiver', claim="azp")
        jwt_id = read.text("jti")
        if jwt_id is not None and "jti" in self._profile.required_claims:
            read.require_form("jti", _JWT_ID)
        scope = read.text("scope", longest=_LONGEST_SCOPE)
        if scope is not None:
            read.require_form("scope", _SCOPE)
        read.require_form("nonce", _NONCE)
        return HandoffClaims(
            issuer=self._issuer,
            subject=read.required_text("sub"),
            audience=self._audience,
            issued_at=read.required_date("iat"),
            expires_at=read.required_date("exp"),
            nonce=payload["nonce"],
            jwt_id=jwt_id,
            session_id=read.text("sid"),
            auth_time=read.date("auth_time"),
            scope=frozenset(scope.split(" ")) if scope else frozenset(),
            name=read.text("name"),
            email=read.text("email"),
            email_verified=read.truth("email_verified"),
            kid=kid,
        )

    def _check_window(self, payload: Mapping[str, Any], now: float) -> None:
        issued_at, expires_at = payload["iat"], payload["exp"]
        if not 0 < expires_at - issued_at <= self._maximum_lifetime:
            raise TokenClaimError(
                f'claim "exp" (expiration time): {expires_at - issued_at} s after "iat", '
                f"expected 1 to {self._maximum_lifetime:.0f}",
                claim="exp",
            )
        if issued_at > now + self._leeway:
            raise TokenNotYetValidError(
                f'claim "iat" (issued at): {issued_at - now:.0f} s ahead of this clock, '
                f"at most {self._leeway:.0f} allowed",
                claim="iat",
            )
        if "nbf" in payload:
            self._check_not_before(ClaimReader(payload).seconds("nbf"), expires_at, now)
        if now >= expires_at + self._leeway:
            raise TokenExpiredError(
                f'claim "exp" (expiration time): over for {now - expires_at:.0f} s',
                expired_at=datetime.fromtimestamp(expires_at, UTC),
            )

    def _check_not_before(self, not_before: int, expires_at: int, now: float) -> None:
        if not_before > expires_at:
            raise TokenClaimError('claim "nbf" (not before): after "exp"', claim="nbf")
        if not_before > now + self._leeway:
            raise TokenNotYetValidError(
                f'claim "nbf" (not before): {not_before - now:.0f} s ahead of this clock, '
                f"at most {self._leeway:.0f} allowed",
                claim="nbf",
            )

    def _claim(self, claims: HandoffClaims, now: float, remember_until: datetime | None) -> None:
        forget_at = claims.expires_at + self._remembered_after_expiry
        identifier = claims.jwt_id
        if identifier is None:
            # A foreign issuer's token without an identifier is known by its nonce, used once too.
            identifier = f"nonce:{claims.nonce}"
            forget_at = max(forget_at, remember_until or forget_at)
        self._replay_store.claim(
            claims.issuer, identifier, expires_at=int(forget_at.timestamp()), now=int(now)
        )


def _check_header(header: Mapping[str, Any], profile: TokenProfile) -> str:
    if not header.keys() <= profile.header_parameters:
        # Embedded keys, key addresses, crit, b64, zip, cty: none has a use here (RFC 8725, 3.10).
        raise TokenMalformedError("header: a parameter other than alg, kid and typ")
    if header.get("alg") != ALGORITHM:
        raise TokenMalformedError(f'header "alg" (algorithm): expected {ALGORITHM}')
    typ = header.get("typ")
    if type(typ) is str:
        typ = typ.lower().removeprefix("application/")
    if not (typ is None or type(typ) is str) or typ not in profile.accepted_types:
        raise TokenMalformedError(f'header "typ" (type): not that of a {profile.name}')
    kid = header.get("kid")
    if type(kid) is not str or _KID.fullmatch(kid) is None:
        raise TokenMalformedError('header "kid" (key ID): missing or not of its form')
    return kid


def _check_authentication(
    claims: HandoffClaims, authenticated_after: datetime | None, leeway: timedelta
) -> None:
    if authenticated_after is None:
        return
    if claims.auth_time is None:
        raise missing("auth_time")
    if claims.auth_time < authenticated_after - leeway:
        raise TokenClaimError(
            'claim "auth_time" (time of authentication): before the one that was asked for',
            claim="auth_time",
        )


def _check_binding(claims: HandoffClaims, nonce: str | None) -> None:
    if nonce is None:
        raise AttemptUnknownError("this browser has no such attempt; the token is spent now")
    if not hmac.compare_digest(claims.nonce.encode(), nonce.encode()):
        raise TokenClaimError(
            'claim "nonce": bound to another attempt; the token is spent now', claim="nonce"
        )


def _translate(error: jwt.PyJWTError, *, issuer: str, audience: str) -> NoReturn:
    match error:
        case jwt.InvalidSignatureError():
            raise TokenSignatureError("the signature does not match") from error
        case jwt.MissingRequiredClaimError(claim=claim):
            raise missing(claim) from error
        case jwt.InvalidIssuerError():
            raise TokenClaimError(
                f'claim "iss" (issuer): expected {issuer!r}', claim="iss"
            ) from error
        case jwt.InvalidAudienceError():
            raise TokenClaimError(
                f'claim "aud" (audience): expected {audience!r}, and nothing beside it',
                claim="aud",
            ) from error
        case InvalidSubjectError():
            raise not_of_its_form("sub", "text") from error
        case InvalidJTIError():
            raise not_of_its_form("jti", "text") from error
        case jwt.InvalidKeyError():
            raise TokenKeyUnknownError("the key is too short to be used") from error
        case _:
            raise TokenMalformedError("not a compact JWS") from error
