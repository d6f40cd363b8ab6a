"""The checks of a foreign OpenID Provider's ID Token that a handoff token of ours does not meet.

What says who it is, for whom and when may refuse a token. What is only shown, or can do without, is
left out where it is not of its form: a sender's slip there would lock a person out for good.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flask_handoff.claims import HandoffClaims
from flask_handoff.errors import TokenClaimError, TokenExpiredError
from flask_handoff.profiles import NONCE, OPENID_SCOPES
from flask_handoff.redaction import as_log_field

from .claim_reader import ForeignClaims
from .one_use import REPLAY_MARGIN
from .verification import check_begun, check_not_before

if TYPE_CHECKING:
    from .handoff_verifier import HandoffVerification

_logger = logging.getLogger("flask_handoff")


def check_claims(case: HandoffVerification) -> None:
    """Is each claim that says who, for whom or when of its type and form?"""
    expected, payload = case.expected, case.payload
    read = ForeignClaims(payload)
    read.require_form("nonce", NONCE)
    email = read.if_well_formed("email", read.text)
    says_verified = read.if_well_formed("email_verified", read.truth)
    case.claims = HandoffClaims(
        issuer=expected.issuer,
        subject=read.required_text("sub"),
        audience=expected.audience,
        issued_at=read.required_date("iat"),
        expires_at=read.required_date("exp"),
        nonce=payload["nonce"],
        jwt_id=read.if_well_formed("jti", read.text),
        session_id=read.if_well_formed("sid", lambda _: read.session_id()),
        auth_time=read.if_well_formed("auth_time", read.date),
        scope=_scope(case, read),
        name=read.if_well_formed("name", read.name),
        email=email,
        email_verified=bool(email and says_verified),
        kid=case.key.kid,
    )
    if read.left_out:
        _log_left_out(case, read.left_out)


def _log_left_out(case: HandoffVerification, claims: Sequence[str]) -> None:
    _logger.warning(
        "claims left out, not of their form: claims=%s jti=%s iss=%s",
        ",".join(claims),
        as_log_field(case.claims.jwt_id or "-"),
        case.claims.issuer,
    )


def _scope(case: HandoffVerification, read: ForeignClaims) -> frozenset[str]:
    named = case.payload.get("scope")
    ignored = case.expected.profile.ignores_openid_scopes and _is_openid_connects(named)
    if named is None or ignored:
        return case.expected.default_scope
    # One that cannot be read may have been meant as a smaller one than the default.
    return read.if_well_formed("scope", lambda _: read.scope()) or frozenset()


def _is_openid_connects(scope: object) -> bool:
    """Tell whether it holds nothing but OpenID Connect's own values, as a text or as a list."""
    values = scope.split(" ") if isinstance(scope, str) else scope
    return (
        isinstance(values, list)
        and values != []
        and all(isinstance(value, str) and value in OPENID_SCOPES for value in values)
    )


def check_lifetime(case: HandoffVerification) -> None:
    """Does it expire after it was issued?"""
    if case.claims.expires_at <= case.claims.issued_at:
        raise TokenClaimError('claim "exp" (expiration time): not after "iat"', claim="exp")


def check_time(case: HandoffVerification) -> None:
    """Was it issued in the last ten minutes, and has it not expired?"""
    expected, payload, claims = case.expected, case.payload, case.claims
    case.now = expected.clock().timestamp()
    check_begun(case, "iat", '"iat" (issued at)')
    if "nbf" in payload:
        check_not_before(case)
    since = case.now - payload["exp"]
    if since >= expected.leeway:
        raise TokenExpiredError(
            f'claim "exp" (expiration time): expired {since:.0f} s ago', claim="exp"
        )
    # However long it lives: no sign-in that was begun here takes longer.
    oldest, age = _accepted_for(case), case.now - payload["iat"]
    if age > oldest + expected.leeway:
        raise TokenExpiredError(
            f'claim "iat" (issued at): {age:.0f} s ago, at most {oldest:.0f} allowed', claim="iat"
        )
    if claims.auth_time is not None and payload["auth_time"] - case.now > expected.leeway:
        # A sign-in of the future would pass for a fresh one, where one was asked for.
        case.claims = replace(claims, auth_time=None)
        _log_left_out(case, ["auth_time"])


def claim_use(case: HandoffVerification) -> None:
    """Win the token's one use, by its ``jti``, or by its nonce, which is used once too."""
    expected, payload = case.expected, case.payload
    last = min(payload["exp"], payload["iat"] + _accepted_for(case))
    forget_at = last + expected.leeway + REPLAY_MARGIN.total_seconds()
    ends_at = case.remember_until.timestamp() if case.remember_until else 0
    expected.replay_store.claim(
        expected.claimed_as,
        case.claims.jwt_id or f"nonce:{case.claims.nonce}",
        expires_at=int(max(forget_at, ends_at)),
        now=int(case.now),
    )


def check_transaction(case: HandoffVerification) -> None:
    """Was it issued since this sign-in began?"""
    if case.begun_at is None:
        return
    profile = case.expected.profile
    # A date may be in whole seconds: the second in which the sign-in began is late enough.
    early = case.begun_at.replace(microsecond=0) - case.claims.issued_at
    if early > profile.leeway + profile.backdating:
        raise TokenClaimError(
            f'claim "iat" (issued at): {early.total_seconds():.0f} s before this sign-in began; '
            "compare the clocks, HANDOFF_LEEWAY,"
            " and HANDOFF_BACKDATING where the issuer dates its tokens back",
            claim="iat",
        )


def _accepted_for(case: HandoffVerification) -> float:
    return case.expected.profile.accepted_for.total_seconds()
