"""Verifies ID Token hints: who was given an ID Token of ours, and in which session, however old."""

from __future__ import annotations

from typing import NamedTuple

from flask_handoff.claims import UnverifiedToken
from flask_handoff.keys import KeySource
from flask_handoff.profiles import ID_TOKEN_HINT

from .claim_reader import ClaimReader
from .verification import (
    Verification,
    Verifier,
    check_form,
    check_header,
    check_issuer,
    check_key,
    check_payload,
    check_required_claims,
    check_signature,
    run_checks,
)


class IDTokenHint(NamedTuple):
    """What is left of an ID Token whose time may be over."""

    client_id: str  # its audience
    subject: str
    session_id: str


class HintVerification(Verification):
    """One ID Token hint on its way through the checks."""

    __slots__ = ("hint",)

    hint: IDTokenHint


def check_claims(case: HintVerification) -> None:
    """Is each claim of its type and form?"""
    read = ClaimReader(case.payload)
    case.hint = IDTokenHint(
        read.required_text("aud"), read.required_text("sub"), read.required_text("sid")
    )


class IDTokenHintVerifier(Verifier):
    """Turns an ID Token that comes back to its issuer into what it says of its session, or raises.

    It signs nobody in, so it may have expired or been used before. Nothing is claimed.

    Args:
        issuer: The only ``iss`` that is accepted.
        keys: All keys that the issuer publishes; a retired or revoked one proves nothing.
    """

    default_profile = ID_TOKEN_HINT
    verification_class = HintVerification
    checks = (
        check_form,
        check_header,
        check_key,
        check_signature,
        check_payload,
        check_required_claims,
        check_issuer,
        check_claims,
    )

    def __init__(self, *, issuer: str, keys: KeySource) -> None:
        super().__init__(issuer=issuer, audience=issuer, keys=keys)  # any client's: not compared

    def verify(self, unverified_token: UnverifiedToken) -> IDTokenHint:
        """Check that the token is an ID Token of this issuer, and return what it tells.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As ``TokenVerifier.inspect`` does.

        Source: OpenID Connect RP-Initiated Logout 1.0, sections 2 and 4.
        """
        case = HintVerification(self, unverified_token)
        run_checks(case, self.checks)
        return case.hint
