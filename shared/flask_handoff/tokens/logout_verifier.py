"""Verifies logout tokens: turns one into which sessions have ended, or raises."""

from __future__ import annotations

from contextlib import suppress

from flask_handoff.claims import Clock, Logout, UnverifiedToken, system_clock
from flask_handoff.errors import TokenClaimError
from flask_handoff.keys import KeySource
from flask_handoff.profiles import HANDOFF, LOGOUT, LOGOUT_EVENT, TokenProfile
from flask_handoff.stores import ReplayStore

from .claim_reader import ForeignForms, not_of_its_form
from .foreign import FOREIGN_UP_TO_THE_CLAIMS
from .one_use import OneUseVerification, OneUseVerifier
from .verification import UP_TO_THE_CLAIMS, Checks, check_lifetime, check_time, run_checks


class LogoutVerification(OneUseVerification):
    """One logout token on its way through the checks."""

    __slots__ = ("logout",)

    logout: Logout


class ForeignLogoutClaims(ForeignForms):
    """Reads the claims of a foreign issuer's logout token."""

    def session_id(self) -> str | None:
        """Return the claim ``sid``; None where it cannot be read and the account is named too.

        Its handoffs came without it as well: to end all sessions of the account ends that one.
        """
        try:
            return super().session_id()
        except TokenClaimError:
            if self._payload.get("sub") is None:
                raise
            return None


class ForeignLogoutVerification(LogoutVerification):
    """One of a foreign issuer."""

    __slots__ = ()

    claim_reader = ForeignLogoutClaims


def check_no_nonce(case: LogoutVerification) -> None:
    """Is it free of a nonce, which only an ID Token has?"""
    # A reader that takes a logout token for an ID Token misses a nonce, and so refuses it.
    if "nonce" in case.payload:
        raise TokenClaimError('claim "nonce": forbidden in a logout token', claim="nonce")


def check_event(case: LogoutVerification) -> None:
    """Does it tell of a logout?"""
    events = case.payload["events"]
    if type(events) is not dict or type(events.get(LOGOUT_EVENT)) is not dict:
        raise TokenClaimError('claim "events": does not tell of a logout', claim="events")


def check_claims(case: LogoutVerification) -> None:
    """Is each claim of its type and form?"""
    read = case.claim_reader(case.payload)
    read.jwt_id(strict=case.expected.profile.strict_jwt_id)
    subject, session_id = read.text("sub"), read.session_id()
    if subject is None and session_id is None:
        raise TokenClaimError('claims "sid" and "sub": both are missing', claim="sid")
    issued_at = read.required_date("iat")
    ended_at = read.date("toe") or issued_at
    if ended_at > issued_at:
        raise not_of_its_form("toe", 'an instant that is not after "iat"')
    if session_id is None:
        # Of two machines of the issuer, one may be ahead of us by the leeway, the other behind.
        with suppress(OverflowError):  # at the end of all dates; the check of the time refuses it
            ended_at += 2 * HANDOFF.leeway
    read.required_date("exp")
    valid_after = None if session_id is None else read.date("valid_after")
    case.logout = Logout(case.expected.issuer, subject, session_id, ended_at, valid_after)


def check_one_use(case: LogoutVerification) -> None:
    """Was it never used before?"""
    case.claim(case.payload["jti"])


_OF_A_LOGOUT = (
    check_no_nonce,
    check_event,
    check_claims,
    check_lifetime,
    check_time,
    check_one_use,
)


class LogoutTokenVerifier(OneUseVerifier):
    """Turns a logout token from outside into what it proves, once, or raises.

    The arguments are those of ``TokenVerifier``, but for ``profile``: ``LOGOUT``, or
    ``OIDC_LOGOUT`` for a foreign issuer. The replay store is the same one as for handoffs.
    """

    default_profile = LOGOUT
    verification_class = LogoutVerification
    checks: Checks = (*UP_TO_THE_CLAIMS, *_OF_A_LOGOUT)

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(
            issuer=issuer,
            audience=audience,
            keys=keys,
            replay_store=replay_store,
            profile=profile,
            clock=clock,
        )
        if self.profile.foreign:
            self.verification_class = ForeignLogoutVerification
            self.checks = (*FOREIGN_UP_TO_THE_CLAIMS, *_OF_A_LOGOUT)

    def verify(self, unverified_token: UnverifiedToken) -> Logout:
        """Check the token completely, claim it, and return which sessions have ended.

        The token is a compact JWS as it came, at most 4,096 characters; of a foreign issuer 12,288.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As ``TokenVerifier.verify`` does.

        Source: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
        """
        case = self.verification_class(self, unverified_token)
        run_checks(case, self.checks)
        return case.logout
