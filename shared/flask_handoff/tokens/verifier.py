"""Minting and verifying: where an application that has no use for the extensions begins.

What PyJWT accepts by default and is refused here is listed in ``docs/threat-model.md``. The checks
themselves stand in ``verification.py``, and each kind's own in ``handoff_checks.py`` and
``logout_checks.py``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import jwt

from .claims import Clock, HandoffClaims, Logout, UnverifiedToken, system_clock
from .errors import TokenNotYetValidError, TokenReplayedError
from .handoff_checks import HANDOFF_CHECKS, HandoffVerification, check_one_use
from .keys import KeySource, SigningKeySource
from .logout_checks import LOGOUT_CHECKS, LogoutVerification
from .profiles import HANDOFF, LOGOUT, LOGOUT_EVENT, TokenProfile
from .stores import LogoutStore, ReplayStore
from .strict_jwt import ALGORITHM
from .verification import Expectations, run_checks

_SOON = timedelta(minutes=15)  # no browser waits longer for the token that it has asked for


class TokenMinter:
    """Mints tokens with the ring's newest active key.

    Args:
        issuer: The ``iss`` of every token: SERVER1's public base URL.
        key_ring: Where the signing key comes from: a ``KeyRing``, or a ``WatchedKeyRing``.
        clock: Tells the time.
    """

    def __init__(
        self, *, issuer: str, key_ring: SigningKeySource, clock: Clock = system_clock
    ) -> None:
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
        claims = {
            **about,
            "sub": subject,
            "nonce": nonce,
            "sid": session_id,
            "auth_time": int(auth_time.timestamp()),
            "scope": " ".join(sorted(scope)),
        }
        return self._sign(profile, audience, int(self._clock().timestamp()), claims)

    def mint_logout(
        self,
        *,
        audience: str,
        ended_at: datetime,
        session_id: str | None = None,
        subject: str | None = None,
    ) -> str:
        """Mint one logout token: it tells one client which of its users' sessions have ended.

        Args:
            audience: The receiver's ``client_id``.
            ended_at: When they ended. A later session of the same account is not meant.
            session_id: The ``sid`` of the one session that ended; None for all of the account's.
            subject: The account; it may be left out where the session is named.

        Raises:
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
        return self._sign(LOGOUT, audience, issued_at, claims)

    def _sign(
        self, profile: TokenProfile, audience: str, issued_at: int, claims: Mapping[str, object]
    ) -> str:
        payload = {
            **claims,
            "iss": self._issuer,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + int(profile.lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(32),
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
        profile: ``HANDOFF``, or ``OIDC`` for a foreign issuer.
        clock: Tells the time.
        logout_store: Remembers which of the issuer's sessions have ended; None where the receiver
            is not told.
    """

    checks = HANDOFF_CHECKS

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile = HANDOFF,
        clock: Clock = system_clock,
        logout_store: LogoutStore | None = None,
    ) -> None:
        self.expected = Expectations(
            issuer=issuer,
            audience=audience,
            keys=keys,
            replay_store=replay_store,
            profile=profile,
            clock=clock,
            logout_store=logout_store,
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

        The order is: form, header, key, signature, claims, session, replay, and last what this
        browser asked for. A token that is genuine but was meant for another browser has leaked:
        it is claimed, so that it is dead, and then refused. So it is if its time begins soon.

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
            SessionEndedError: Genuine, but its session at the issuer has ended since.
            AttemptUnknownError: Genuine, but ``nonce`` is None.
            TokenReplayedError: Genuine, and used before.
            JWKSUnavailableError: No key is held and none can be had.
            ReplayStoreUnavailableError: It cannot be told whether the token was used before.

        Sources: RFC 7515, section 5.2; RFC 7519, section 7.2; RFC 8725, section 3;
        OpenID Connect Core 1.0, section 3.1.3.7.
        """
        case = HandoffVerification(
            self.expected,
            unverified_token,
            nonce=nonce,
            authenticated_after=authenticated_after,
            remember_until=remember_until,
        )
        try:
            run_checks(case, self.checks)
        except TokenNotYetValidError:
            # It has leaked as well, and whoever has read it would only have to wait for its time.
            if nonce is None and case.claims.issued_at - self.expected.clock() < _SOON:
                with suppress(TokenReplayedError):
                    check_one_use(case)
            raise
        return case.claims

    def case(self, unverified_token: UnverifiedToken) -> HandoffVerification:
        """Begin a verification without a browser, to run its checks one by one."""
        return HandoffVerification(self.expected, unverified_token)


class LogoutTokenVerifier:
    """Turns a logout token from outside into what it proves, once, or raises.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: This receiver's ``client_id``, the only ``aud`` that is accepted.
        keys: The issuer's public keys; never those of another issuer.
        replay_store: Remembers what was used; the same one as for handoffs.
        profile: ``LOGOUT``, or ``OIDC_LOGOUT`` for a foreign issuer.
        clock: Tells the time.
    """

    checks = LOGOUT_CHECKS

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile = LOGOUT,
        clock: Clock = system_clock,
    ) -> None:
        self.expected = Expectations(
            issuer=issuer,
            audience=audience,
            keys=keys,
            replay_store=replay_store,
            profile=profile,
            clock=clock,
        )

    def verify(self, unverified_token: UnverifiedToken) -> Logout:
        """Check the token completely, claim it, and return which sessions have ended.

        The order is that of ``TokenVerifier.verify``: form, header, key, signature, claims, and
        the replay last.

        Args:
            unverified_token: Compact JWS as it came, at most 4,096 characters.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As ``TokenVerifier.verify`` does.

        Source: OpenID Connect Back-Channel Logout 1.0, section 2.6.
        """
        case = self.case(unverified_token)
        run_checks(case, self.checks)
        return case.logout

    def case(self, unverified_token: UnverifiedToken) -> LogoutVerification:
        """Begin a verification, to run its checks one by one."""
        return LogoutVerification(self.expected, unverified_token)
