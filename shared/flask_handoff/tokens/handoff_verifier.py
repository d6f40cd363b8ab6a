"""Verifies handoff tokens, and foreign ID Tokens: turns one into what it proves, or raises.

What PyJWT accepts by default and is refused here is listed in ``docs/threat-model.md``.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from flask_handoff.claims import Clock, HandoffClaims, UnverifiedToken, system_clock
from flask_handoff.errors import (
    AttemptUnknownError,
    TokenClaimError,
    TokenExpiredError,
    TokenNotYetValidError,
    TokenReplayedError,
)
from flask_handoff.keys import KeySource
from flask_handoff.profiles import HANDOFF, NONCE, TokenProfile
from flask_handoff.stores import LogoutStore, ReplayStore

from . import id_token, verification
from .claim_reader import ClaimReader, missing
from .foreign import FOREIGN_UP_TO_THE_CLAIMS
from .one_use import OneUseVerification, OneUseVerifier
from .verification import UP_TO_THE_CLAIMS, Checks, check_begun, check_lifetime, run_checks

_SOON = timedelta(minutes=15)  # no browser waits longer for the token that it has asked for


@dataclass(slots=True, eq=False, repr=False)
class HandoffVerification(OneUseVerification):
    """One handoff token on its way through the checks; see ``TokenVerifier.verify``."""

    expected: TokenVerifier

    nonce: str | None = None
    authenticated_after: datetime | None = None
    remember_until: datetime | None = None
    begun_at: datetime | None = None

    claims: HandoffClaims = field(init=False)


def check_claims(case: HandoffVerification) -> None:
    """Is each claim of its type and form?"""
    expected, payload = case.expected, case.payload
    read = ClaimReader(payload)
    jwt_id = read.jwt_id(strict=expected.profile.strict_jwt_id)
    scope = read.scope()
    read.require_form("nonce", NONCE)
    case.claims = HandoffClaims(
        issuer=expected.issuer,
        subject=read.required_text("sub"),
        audience=expected.audience,
        issued_at=read.required_date("iat"),
        expires_at=read.required_date("exp"),
        nonce=payload["nonce"],
        jwt_id=jwt_id,
        session_id=read.text("sid"),
        auth_time=read.date("auth_time"),
        scope=scope,
        name=read.name("name"),
        email=read.text("email"),
        email_verified=read.truth("email_verified"),
        kid=case.key.kid,
    )


def check_time(case: HandoffVerification) -> None:
    """Has its time begun, and is not over?"""
    verification.check_time(case)
    # A sign-in of the future would pass for a fresh one, whatever was asked for.
    if "auth_time" in case.payload:
        check_begun(case, "auth_time", '"auth_time" (time of sign-in)')


def check_session(case: HandoffVerification) -> None:
    """Is the session that it came from still alive?"""
    if case.expected.logout_store is not None:
        case.expected.logout_store.check_session(case.claims)


def check_one_use(case: HandoffVerification) -> None:
    """Was it never used before?"""
    if case.expected.profile.foreign:
        id_token.claim_use(case)
    else:
        case.claim(cast(str, case.claims.jwt_id))  # required


def check_browser(case: HandoffVerification) -> None:
    """Did this browser ask for it?"""
    if case.nonce is None:
        error = AttemptUnknownError("this browser has no such attempt; the token is spent now")
        error.account = case.claims.issuer, case.claims.subject
        raise error
    if not hmac.compare_digest(case.claims.nonce.encode(), case.nonce.encode()):
        raise TokenClaimError(
            'claim "nonce": bound to another attempt; the token is spent now', claim="nonce"
        )


def check_authentication(case: HandoffVerification) -> None:
    """Has the user signed in as lately as was asked for?"""
    if case.authenticated_after is None:
        return
    auth_time = case.claims.auth_time
    if auth_time is None:
        raise missing("auth_time")
    if auth_time < case.authenticated_after - case.expected.profile.leeway:
        raise TokenClaimError(
            'claim "auth_time" (time of authentication): before the one that was asked for',
            claim="auth_time",
        )


_FOREIGN_INSPECTIONS = (
    *FOREIGN_UP_TO_THE_CLAIMS,
    id_token.check_claims,
    id_token.check_lifetime,
    id_token.check_time,
)
_FOREIGN_REDEMPTIONS = (
    check_session,
    check_one_use,
    check_browser,
    id_token.check_transaction,
    check_authentication,
)


class TokenVerifier(OneUseVerifier):
    """Turns a token from outside into claims, once, or raises.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: This receiver's ``client_id``, the only ``aud`` that is accepted.
        keys: The issuer's public keys; never those of another issuer.
        replay_store: Remembers what was used.
        profile: ``HANDOFF``, or ``OIDC`` for a foreign issuer.
        logout_store: Remembers which of the issuer's sessions have ended; None where the receiver
            is not notified.
        default_scope: What a foreign issuer's token is worth that names no scope.
    """

    default_profile = HANDOFF
    verification_class = HandoffVerification
    inspections: Checks = (*UP_TO_THE_CLAIMS, check_claims, check_lifetime, check_time)
    # What this browser asked for comes last: a genuine token in the wrong browser is spent first.
    redemptions: Checks = (check_session, check_one_use, check_browser, check_authentication)
    checks: Checks = (*inspections, *redemptions)

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile | None = None,
        clock: Clock = system_clock,
        logout_store: LogoutStore | None = None,
        default_scope: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            issuer=issuer,
            audience=audience,
            keys=keys,
            replay_store=replay_store,
            profile=profile,
            clock=clock,
            logout_store=logout_store,
        )
        self.default_scope = default_scope
        if self.profile.foreign:
            self.inspections, self.redemptions = _FOREIGN_INSPECTIONS, _FOREIGN_REDEMPTIONS
            self.checks = (*self.inspections, *self.redemptions)

    def verify(
        self,
        unverified_token: UnverifiedToken,
        *,
        nonce: str | None,
        authenticated_after: datetime | None = None,
        remember_until: datetime | None = None,
        begun_at: datetime | None = None,
    ) -> HandoffClaims:
        """Check the token completely, claim it, and return what it proves.

        It is ``inspect``, then ``redeem``.

        Args:
            unverified_token: Compact JWS as it came from the browser, at most 4,096 characters; of
                a foreign issuer 12,288.
            nonce: What this browser's attempt is bound to; None when it has no attempt, and then
                nothing is ever accepted.
            authenticated_after: The user must have signed in at the issuer after this instant.
            remember_until: A foreign issuer's token is remembered until then at least.
            begun_at: When this browser's attempt began; a foreign issuer's token may not be older.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As these two do.
        """
        case = self.inspect(
            unverified_token,
            nonce=nonce,
            authenticated_after=authenticated_after,
            remember_until=remember_until,
            begun_at=begun_at,
        )
        return self.redeem(case)

    def inspect(
        self,
        unverified_token: UnverifiedToken,
        *,
        nonce: str | None,
        authenticated_after: datetime | None = None,
        remember_until: datetime | None = None,
        begun_at: datetime | None = None,
    ) -> HandoffVerification:
        """Check that the token is genuine, meant for this receiver, and of this time.

        It takes no part in any transaction, and spends nothing. Only a token without its attempt,
        whose time begins soon, is claimed: it has leaked, and an attacker would only have to wait.

        The arguments are those of ``verify``.

        Raises:
            TokenMalformedError: Not a compact JWS of this kind, or not strict JSON inside.
            TokenKeyUnknownError: The issuer publishes no key of this ``kid``.
            TokenSignatureError: Not signed by that key, or changed since.
            TokenClaimError: A claim is missing, of the wrong type or value; its subclasses
                TokenExpiredError and TokenNotYetValidError where only the time is wrong.
            JWKSUnavailableError: No key is held and none can be fetched.

        Sources: RFC 7515, section 5.2; RFC 7519, section 7.2; RFC 8725, section 3;
        OpenID Connect Core 1.0, section 3.1.3.7.
        """
        case = HandoffVerification(
            self, unverified_token, nonce, authenticated_after, remember_until, begun_at
        )
        try:
            run_checks(case, self.inspections)
        except TokenNotYetValidError:
            if nonce is None and case.claims.issued_at - self.clock() < _SOON:
                with suppress(TokenReplayedError):
                    check_one_use(case)
            raise
        except TokenExpiredError as error:
            error.issued_at, error.nonce = case.claims.issued_at, case.claims.nonce
            raise
        return case

    def redeem(self, case: HandoffVerification) -> HandoffClaims:
        """Claim a token that was inspected, for this browser, and return what it proves.

        One that was meant for another browser has leaked: it is claimed, so that it is dead, and
        then refused.

        Raises:
            SessionEndedError: Its session at the issuer has ended since.
            TokenReplayedError: It was used before.
            AttemptUnknownError: There is no ``nonce``.
            TokenClaimError: It is bound to another ``nonce``, or the user's authentication is
                older than was asked for.
            ReplayStoreUnavailableError: It cannot be told whether the token was used before.

        Source: OpenID Connect Core 1.0, section 3.1.3.7.
        """
        run_checks(case, self.redemptions)
        return case.claims
