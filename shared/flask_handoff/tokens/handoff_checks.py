"""The checks of a handoff token, and of a foreign ID Token, in their order."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime

from flask_handoff.claims import HandoffClaims
from flask_handoff.errors import AttemptUnknownError, TokenClaimError

from .claim_reader import ClaimReader, missing
from .verification import (
    JWT_ID,
    LIFETIME,
    TIME,
    UP_TO_THE_CLAIMS,
    Check,
    Verification,
    check_begun,
)

_NONCE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_LONGEST_SCOPE = 1024  # characters


@dataclass(slots=True)
class HandoffVerification(Verification):
    """One handoff token on its way through the checks.

    Args:
        nonce: What this browser's attempt is bound to; None when it has no attempt.
        authenticated_after: The user must have signed in at the issuer after this instant.
        remember_until: A token without ``jti`` is remembered until then at least.
    """

    nonce: str | None = None
    authenticated_after: datetime | None = None
    remember_until: datetime | None = None

    claims: HandoffClaims = field(init=False)


def _check_claims(case: HandoffVerification) -> None:
    expected, payload = case.expected, case.payload
    read = ClaimReader(payload)
    jwt_id = read.text("jti")
    if jwt_id is not None and expected.profile.strict_jwt_id:
        read.require_form("jti", JWT_ID)
    scope = read.text("scope", longest=_LONGEST_SCOPE)
    if scope is not None:
        read.require_form("scope", _SCOPE)
    read.require_form("nonce", _NONCE)
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
        scope=frozenset(scope.split(" ")) if scope else frozenset(),
        name=read.name("name"),
        email=read.text("email"),
        email_verified=read.truth("email_verified"),
        kid=case.key.kid,
    )


def _check_time(case: HandoffVerification) -> None:
    TIME.run(case)
    # A sign-in of the future would pass for a fresh one, whatever was asked for.
    if "auth_time" in case.payload:
        begun_at, leeway = case.payload["auth_time"], case.expected.leeway
        check_begun(begun_at, '"auth_time" (time of sign-in)', "auth_time", case.now, leeway)


def _check_session(case: HandoffVerification) -> None:
    if case.expected.logout_store is not None:
        case.expected.logout_store.check_session(case.claims)


def check_one_use(case: HandoffVerification) -> None:
    """Win the token's one use.

    Raises:
        TokenReplayedError: It was used before.
        ReplayStoreUnavailableError: It cannot be told.
    """
    claims = case.claims
    forget_at = claims.expires_at + case.expected.remembered_after_expiry
    identifier = claims.jwt_id
    if identifier is None:
        # A foreign issuer's token without an identifier is known by its nonce, used once too.
        identifier = f"nonce:{claims.nonce}"
        forget_at = max(forget_at, case.remember_until or forget_at)
    case.claim(identifier, forget_at=forget_at)


def _check_browser(case: HandoffVerification) -> None:
    if case.nonce is None:
        raise AttemptUnknownError("this browser has no such attempt; the token is spent now")
    if not hmac.compare_digest(case.claims.nonce.encode(), case.nonce.encode()):
        raise TokenClaimError(
            'claim "nonce": bound to another attempt; the token is spent now', claim="nonce"
        )


def _check_authentication(case: HandoffVerification) -> None:
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


# What this browser asked for comes last: a genuine token in the wrong browser is spent first.
HANDOFF_CHECKS: tuple[Check[HandoffVerification], ...] = (
    *UP_TO_THE_CLAIMS,
    Check("claims", "Is each claim of its type and form?", _check_claims),
    LIFETIME,
    Check(TIME.name, TIME.question, _check_time),
    Check("session", "Does the session that it came from go on?", _check_session),
    Check("one_use", "Was it never used before?", check_one_use),
    Check("browser", "Did this browser ask for it?", _check_browser),
    Check(
        "authentication",
        "Has the user signed in as lately as was asked for?",
        _check_authentication,
    ),
)
