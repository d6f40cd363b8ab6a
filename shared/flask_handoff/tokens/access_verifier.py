"""Verifies access tokens: turns one into what it lets a program do here, or raises."""

from __future__ import annotations

from flask_handoff.claims import AccessClaims, Clock, UnverifiedToken, system_clock
from flask_handoff.errors import TokenClaimError
from flask_handoff.keys import KeySource
from flask_handoff.profiles import ACCESS, TokenProfile
from flask_handoff.stores import RevocationCheck

from . import verification
from .claim_reader import ClaimReader
from .genuine_tokens import GenuineToken, GenuineTokens
from .verification import (
    Checks,
    Verification,
    Verifier,
    check_audience,
    check_form,
    check_header,
    check_issuer,
    check_key,
    check_lifetime,
    check_required_claims,
    check_time,
    run_checks,
)


class AccessVerification(Verification):
    """One access token on its way through the checks."""

    __slots__ = ("claims", "known")

    expected: AccessTokenVerifier
    known: GenuineToken | None
    claims: AccessClaims


def check_signature(case: AccessVerification) -> None:
    """Did that key sign exactly this text?"""
    genuine = case.expected.genuine
    case.known = None if genuine is None else genuine.find(case.unverified_token, case.key)
    if case.known is None:
        verification.check_signature(case)
    else:
        case.payload, case.is_genuine = case.known.payload, True


def check_payload(case: AccessVerification) -> None:
    """Is its payload one strict JSON object?"""
    if case.payload:  # read when its signature was checked
        return
    verification.check_payload(case)
    if case.is_genuine and case.expected.genuine is not None:
        case.known = case.expected.genuine.keep(case.unverified_token, case.key, case.payload)


def check_some_audience(case: AccessVerification) -> None:
    """Is it for one service, whichever that is?"""
    if type(case.payload["aud"]) is not str:
        raise TokenClaimError('claim "aud" (audience): expected one text', claim="aud")


def check_no_other_kind(case: AccessVerification) -> None:
    """Is it free of claims that only another kind of token has?"""
    # An issuer that mixes up its types must not turn a browser's token into a program's.
    for claim in ("nonce", "events"):
        if claim in case.payload:
            raise TokenClaimError(f'claim "{claim}": forbidden in an access token', claim=claim)


def check_claims(case: AccessVerification) -> None:
    """Is each claim of its type and form?"""
    known = case.known
    if known is not None and known.claims is not None:
        case.claims = known.claims
        return
    case.claims = _read_claims(case)
    if known is not None:
        known.claims = case.claims


def _read_claims(case: AccessVerification) -> AccessClaims:
    read = ClaimReader(case.payload)
    read.jwt_id(strict=case.expected.profile.strict_jwt_id)
    return AccessClaims(
        issuer=case.expected.issuer,
        subject=read.required_text("sub"),
        audience=case.payload["aud"],
        client_id=read.required_text("client_id"),
        scope=read.scope(),
        session_id=read.text("sid"),
        issued_at=read.required_date("iat"),
        expires_at=read.required_date("exp"),
        jwt_id=case.payload["jti"],
        kid=case.key.kid,
    )


def check_not_revoked(case: AccessVerification) -> None:
    """Was it not revoked?"""
    if case.expected.revocations is not None:
        case.expected.revocations.check_not_revoked(case.claims, case.unverified_token)


class AccessTokenVerifier(Verifier):
    """Turns an access token from outside into claims, as often as it comes, or raises.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: What this service is named by, the only ``aud`` that is accepted: a client's
            ``resource``, or the issuer itself at its ``/userinfo``.
        keys: The issuer's public keys; never those of another issuer.
        revocations: Asked last whether the token was revoked. None: a token is good for ten
            minutes, whatever happens.
        genuine: Where the same token comes again and again: remembers which signatures were good.
            Everything else is checked each time, whether its key is still published first of all.
    """

    default_profile = ACCESS
    verification_class = AccessVerification
    checks: Checks = (
        check_form,
        check_header,
        check_key,
        check_signature,
        check_payload,
        check_required_claims,
        check_issuer,
        check_audience,
        check_no_other_kind,
        check_claims,
        check_lifetime,
        check_time,
        check_not_revoked,
    )

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        revocations: RevocationCheck | None = None,
        genuine: GenuineTokens | None = None,
        profile: TokenProfile | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(issuer=issuer, audience=audience, keys=keys, profile=profile, clock=clock)
        self.revocations = revocations
        self.genuine = genuine

    def verify(self, unverified_token: UnverifiedToken) -> AccessClaims:
        """Check the token completely, and return what it proves. It is not spent by that.

        The token is a compact JWS as it came, at most 4,096 characters.

        Raises:
            TokenMalformedError: Not a compact JWS of this kind, or not strict JSON inside.
            TokenKeyUnknownError: The issuer publishes no key of this ``kid``.
            TokenSignatureError: Not signed by that key, or changed since.
            TokenClaimError: A claim is missing, of the wrong type or value; its subclasses
                TokenExpiredError and TokenNotYetValidError where only the time is wrong.
            TokenRevokedError: It was revoked.
            DependencyUnavailableError: No key is available, or it is not known whether the token
                was revoked.

        Sources: RFC 9068, section 4; RFC 8725, section 3.
        """
        case = AccessVerification(self, unverified_token)
        run_checks(case, self.checks)
        return case.claims


class IssuedTokenVerifier(AccessTokenVerifier):
    """Turns an access token for whatever service into claims: for its issuer, and for nobody else.

    A service that took a token for another would let each act at the other as its users.
    """

    checks = tuple(
        check_some_audience if check is check_audience else check
        for check in AccessTokenVerifier.checks
    )
