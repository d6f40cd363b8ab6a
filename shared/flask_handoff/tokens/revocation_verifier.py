"""Verifies revocation notices: turns one into what an issuer takes back, or raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_handoff.claims import Revocation, UnverifiedToken
from flask_handoff.errors import TokenClaimError
from flask_handoff.profiles import REVOCATION, SESSION_REVOKED, TOKEN_REVOKED, TOKENS_REVOKED

from .claim_reader import ClaimReader, not_of_its_form
from .one_use import OneUseVerification, OneUseVerifier
from .verification import UP_TO_THE_CLAIMS, check_lifetime, check_time, run_checks

_NAMED: Mapping[str, tuple[frozenset[str], ...]] = {
    TOKEN_REVOKED: (frozenset({"jti", "exp"}),),
    SESSION_REVOKED: (frozenset({"sid", "valid_after"}),),
    TOKENS_REVOKED: (
        *(frozenset({"valid_after", name}) for name in ("sub", "client_id", "family_id")),
        frozenset({"valid_after"}),
    ),
}


class RevocationVerification(OneUseVerification):
    """One revocation notice on its way through the checks."""

    __slots__ = ("event", "revocation")

    event: Mapping[str, Any]
    revocation: Revocation


def check_no_other_kind(case: RevocationVerification) -> None:
    """Is it free of claims that only another kind of token has?"""
    # Whoever takes a notice for another kind of token misses these, and so refuses it.
    for claim in ("nonce", "sub", "sid", "client_id"):
        if claim in case.payload:
            raise TokenClaimError(f'claim "{claim}": forbidden in a revocation notice', claim=claim)


def check_event(case: RevocationVerification) -> None:
    """Does it tell of one revocation, and name what is meant in a known way?"""
    events = case.payload["events"]
    name, event = next(iter(events.items()), ("", None)) if type(events) is dict else ("", None)
    # Of a name that is not known, or null, nothing would be left but "everything".
    if (
        type(event) is not dict
        or len(events) != 1
        or frozenset(event) not in _NAMED.get(name, ())
        or None in event.values()
    ):
        raise TokenClaimError('claim "events": does not tell of one revocation', claim="events")
    case.event = event


def check_claims(case: RevocationVerification) -> None:
    """Is each claim of its type and form?"""
    read, told = ClaimReader(case.payload), ClaimReader(case.event)
    read.jwt_id(strict=True)
    issued_at = read.required_date("iat")
    read.required_date("exp")
    valid_after = told.date("valid_after")
    if valid_after is not None and valid_after - issued_at > case.expected.profile.leeway:
        # It would lock out whoever signs in from now until then, and no notice takes that back.
        raise not_of_its_form("valid_after", 'an instant that is not after "iat"')
    case.revocation = Revocation(
        jwt_id=told.jwt_id(strict=True),
        expires_at=told.date("exp"),
        family_id=told.text("family_id"),
        session_id=told.text("sid"),
        subject=told.text("sub"),
        client_id=told.text("client_id"),
        valid_after=valid_after,
    )


def check_one_use(case: RevocationVerification) -> None:
    """Was it never used before?"""
    case.claim(case.payload["jti"])


class RevocationNoticeVerifier(OneUseVerifier):
    """Turns a revocation notice from outside into what it proves, once, or raises.

    The arguments are those of ``LogoutTokenVerifier``; the audience is the service's ``client_id``.
    """

    default_profile = REVOCATION
    verification_class = RevocationVerification
    checks = (
        *UP_TO_THE_CLAIMS,
        check_no_other_kind,
        check_event,
        check_claims,
        check_lifetime,
        check_time,
        check_one_use,
    )

    def verify(self, unverified_token: UnverifiedToken) -> Revocation:
        """Check the notice completely, claim it, and return what is taken back.

        The token is a compact JWS as it came, at most 4,096 characters.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As ``TokenVerifier.verify`` does.

        Sources: RFC 8417, section 2; RFC 8725, section 3.
        """
        case = RevocationVerification(self, unverified_token)
        run_checks(case, self.checks)
        return case.revocation
