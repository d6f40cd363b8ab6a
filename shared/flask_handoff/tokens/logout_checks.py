"""The checks of a logout token, in their order.

Source: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flask_handoff.claims import Logout
from flask_handoff.errors import TokenClaimError
from flask_handoff.profiles import HANDOFF, LOGOUT_EVENT

from .claim_reader import ClaimReader, not_of_its_form
from .verification import DATES, JWT_ID, UP_TO_THE_CLAIMS, Check, Verification


@dataclass(slots=True)
class LogoutVerification(Verification):
    """One logout token on its way through the checks."""

    jwt_id: str = field(init=False)
    expires_at: datetime = field(init=False)
    logout: Logout = field(init=False)


def _check_no_nonce(case: LogoutVerification) -> None:
    # A reader that takes a logout token for an ID Token misses a nonce, and so refuses it.
    if "nonce" in case.payload:
        raise TokenClaimError('claim "nonce": forbidden in a logout token', claim="nonce")


def _check_event(case: LogoutVerification) -> None:
    events = case.payload["events"]
    if type(events) is not dict or type(events.get(LOGOUT_EVENT)) is not dict:
        raise TokenClaimError('claim "events": does not tell of a logout', claim="events")


def _check_claims(case: LogoutVerification) -> None:
    read = ClaimReader(case.payload)
    case.jwt_id = read.required_text("jti")
    if case.expected.profile.strict_jwt_id:
        read.require_form("jti", JWT_ID)
    subject, session_id = read.text("sub"), read.text("sid")
    if subject is None and session_id is None:
        raise TokenClaimError('claims "sid" and "sub": both are missing', claim="sid")
    ended_at = _read_end(read)
    if session_id is None:
        # Of two machines of the issuer, one may be ahead of us by the leeway, the other behind.
        ended_at += 2 * HANDOFF.leeway
    case.expires_at = read.required_date("exp")
    case.logout = Logout(case.expected.issuer, subject, session_id, ended_at)


def _read_end(read: ClaimReader) -> datetime:
    issued_at = read.required_date("iat")
    ended_at = read.date("toe") or issued_at
    if ended_at > issued_at:
        raise not_of_its_form("toe", 'an instant that is not after "iat"')
    return ended_at


def _check_one_use(case: LogoutVerification) -> None:
    forget_at = case.expires_at + case.expected.remembered_after_expiry
    case.claim(case.jwt_id, forget_at=forget_at)


LOGOUT_CHECKS: tuple[Check[LogoutVerification], ...] = (
    *UP_TO_THE_CLAIMS,
    Check("no_nonce", "Is it free of a nonce, which only an ID Token has?", _check_no_nonce),
    Check("event", "Does it tell of a logout?", _check_event),
    Check("claims", "Is each claim of its type and form?", _check_claims),
    *DATES,
    Check("one_use", "Was it never used before?", _check_one_use),
)
