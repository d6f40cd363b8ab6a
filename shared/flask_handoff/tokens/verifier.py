"""Verifying: turns a token from outside into what it proves, or raises.

What PyJWT accepts by default and is refused here is listed in ``docs/threat-model.md``. The checks
themselves stand in ``verification.py``, and each kind's own in ``handoff_checks.py`` and
``logout_checks.py``.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from flask_handoff.claims import Clock, HandoffClaims, Logout, UnverifiedToken, system_clock
from flask_handoff.errors import TokenNotYetValidError, TokenReplayedError
from flask_handoff.keys import KeySource
from flask_handoff.profiles import HANDOFF, LOGOUT, TokenProfile
from flask_handoff.stores import LogoutStore, ReplayStore

from .handoff_checks import HANDOFF_CHECKS, HandoffVerification, check_one_use
from .logout_checks import LOGOUT_CHECKS, LogoutVerification
from .verification import Expectations, run_checks

_SOON = timedelta(minutes=15)  # no browser waits longer for the token that it has asked for


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
            JWKSUnavailableError: No key is held and none can be fetched.
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
            # It has leaked as well, and an attacker would only have to wait for its time.
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
