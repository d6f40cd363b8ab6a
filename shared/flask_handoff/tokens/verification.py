"""One verification of one token: the engine, and the checks that every kind of token meets.

A kind lists its checks once, in their order. The verifier runs the list and ``explain`` runs the
same list, so that what an operator reads is what happens to a token that arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from flask_handoff.claims import Clock, UnverifiedToken
from flask_handoff.errors import (
    HandoffError,
    Refusal,
    TokenClaimError,
    TokenExpiredError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenSignatureError,
)
from flask_handoff.keys import KeySource, VerificationKey
from flask_handoff.profiles import TokenProfile
from flask_handoff.stores import LogoutStore, ReplayStore

from .claim_reader import ClaimReader, missing
from .strict_jwt import ALGORITHM, read_header, read_payload, verify_signature

MAXIMUM_TOKEN_LENGTH = 4096  # characters; a handoff by a key of 2048 bits is about 950
REPLAY_MARGIN = timedelta(seconds=60)  # remembered this much longer than a token is accepted
JWT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)  # where a profile is strict about it

_COMPACT_FORM = re.compile(
    r"(?P<header>[A-Za-z0-9_-]{2,1024})\.(?P<payload>[A-Za-z0-9_-]{2,3072})"
    r"\.(?P<signature>[A-Za-z0-9_-]{342,683})",
    re.ASCII,
)
_KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_FIT_FOR_A_LOG = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class Expectations:
    """What one receiver expects of every token of one kind.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: The only ``aud`` that is accepted: this receiver's ``client_id``.
        keys: The issuer's public keys.
        replay_store: Remembers what was used.
        profile: Which kind of token is expected here.
        clock: Tells the time.
        logout_store: Remembers which of the issuer's sessions have ended; None where the receiver
            is not told.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile,
        clock: Clock,
        logout_store: LogoutStore | None = None,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.replay_store = replay_store
        self.profile = profile
        self.clock = clock
        self.logout_store = logout_store
        self.leeway = profile.leeway.total_seconds()
        self.maximum_lifetime = profile.maximum_lifetime.total_seconds()
        self.remembered_after_expiry = profile.leeway + REPLAY_MARGIN


@dataclass(slots=True)
class Verification:
    """One token on its way through the checks; each check leaves here what the next ones need.

    Args:
        expected: What this receiver expects.
        unverified_token: As it came from outside.
    """

    expected: Expectations
    unverified_token: UnverifiedToken

    unverified_segments: Mapping[str, str] = field(init=False, default_factory=dict)
    unverified_kid: str = field(init=False)
    key: VerificationKey = field(init=False)
    is_genuine: bool = field(init=False, default=False)  # signed by the issuer; not yet for us
    signed_octets: bytes = field(init=False)
    payload: Mapping[str, Any] = field(init=False, default_factory=dict)
    now: float = field(init=False)

    def refused_by(self, check: Check[Any]) -> Refusal:
        """Say which check refused, and of a genuine token which one it was."""
        # Anybody can have written what is not genuine, to mislead the reader of a log.
        if not self.is_genuine:
            return Refusal(check=check.name)
        return Refusal(
            check=check.name,
            kid=self.key.kid,
            jwt_id=fit_for_a_log(self.payload.get("jti")),
            issuer=fit_for_a_log(self.payload.get("iss")),
        )

    def claim(self, identifier: str, *, forget_at: datetime) -> None:
        """Win the token's one use, see ``ReplayStore.claim``."""
        self.expected.replay_store.claim(
            self.expected.issuer,
            identifier,
            expires_at=int(forget_at.timestamp()),
            now=int(self.now),
        )


_Case = TypeVar("_Case", bound=Verification)
_Case_contra = TypeVar("_Case_contra", bound=Verification, contravariant=True)


@dataclass(frozen=True, slots=True)
class Check(Generic[_Case_contra]):
    """One check of a token.

    Args:
        name: What logs and ``flask handoff-explain`` call it; never changed.
        question: What it asks, as one sentence.
        run: Returns, or raises the error that refuses the token.
    """

    name: str
    question: str
    run: Callable[[_Case_contra], None]


def run_checks(case: _Case, checks: Sequence[Check[_Case]]) -> None:
    """Run every check, in their order.

    Raises:
        HandoffError: What a check raised; its ``refusal`` says which check it was.
    """
    check = checks[0]
    try:
        for check in checks:
            check.run(case)
    except HandoffError as error:
        error.refusal = case.refused_by(check)
        raise


def _check_form(case: Verification) -> None:
    if len(case.unverified_token) > MAXIMUM_TOKEN_LENGTH:
        raise TokenMalformedError(f"longer than {MAXIMUM_TOKEN_LENGTH} characters")
    form = _COMPACT_FORM.fullmatch(case.unverified_token)
    if form is None:
        raise TokenMalformedError("not a compact JWS")
    case.unverified_segments = form.groupdict()


def _check_header(case: Verification) -> None:
    header, profile = read_header(case.unverified_segments["header"]), case.expected.profile
    if not header.keys() <= profile.header_parameters:
        # Embedded keys, key addresses, crit, b64, zip, cty: none has a use here (RFC 8725, 3.10).
        raise TokenMalformedError("header: a parameter other than alg, kid and typ")
    if header.get("alg") != ALGORITHM:
        raise TokenMalformedError(f'header "alg" (algorithm): expected {ALGORITHM}')
    if _plain_type(header) not in profile.accepted_types:
        raise TokenMalformedError(f'header "typ" (type): not that of a {profile.name}')
    kid = header.get("kid")
    if type(kid) is not str or _KID.fullmatch(kid) is None:
        raise TokenMalformedError('header "kid" (key ID): missing or not of its form')
    case.unverified_kid = kid


def _plain_type(header: Mapping[str, Any]) -> str | None:
    """Return the header's type as profiles write it, None where it has none."""
    if "typ" not in header:
        return None
    typ = header["typ"]
    # A type that is null is there, and is none: only its absence may pass for "JWT".
    return typ.lower().removeprefix("application/") if type(typ) is str else ""


def _check_key(case: Verification) -> None:
    # The header is not trusted yet: it may only choose among the issuer's keys.
    case.key = case.expected.keys.key(case.unverified_kid)


def _check_signature(case: Verification) -> None:
    length = case.key.signature_length
    if len(case.unverified_segments["signature"]) != length:
        raise TokenSignatureError(f"a signature by this key has {length} characters")
    case.signed_octets = verify_signature(case.unverified_token, case.key)
    case.is_genuine = True


def _check_payload(case: Verification) -> None:
    case.payload = read_payload(case.signed_octets)


def _check_required_claims(case: Verification) -> None:
    for claim in case.expected.profile.required_claims:
        if case.payload.get(claim) is None:
            raise missing(claim)


def _check_issuer(case: Verification) -> None:
    issuer = case.expected.issuer
    if case.payload["iss"] != issuer:
        raise TokenClaimError(f'claim "iss" (issuer): expected {issuer!r}', claim="iss")


def _check_audience(case: Verification) -> None:
    audience = case.expected.audience
    # A list is refused even if it names us: it could name a second receiver that replays it.
    if case.payload["aud"] != audience:
        raise TokenClaimError(
            f'claim "aud" (audience): expected {audience!r}, and nothing beside it', claim="aud"
        )
    if case.payload.get("azp", audience) != audience:
        raise TokenClaimError('claim "azp" (authorized party): not this receiver', claim="azp")


def _check_lifetime(case: Verification) -> None:
    lifetime, longest = case.payload["exp"] - case.payload["iat"], case.expected.maximum_lifetime
    if not 0 < lifetime <= longest:
        raise TokenClaimError(
            f'claim "exp" (expiration time): {lifetime} s after "iat", expected 1 to {longest:.0f}',
            claim="exp",
        )


def _check_time(case: Verification) -> None:
    payload, leeway = case.payload, case.expected.leeway
    now = case.now = case.expected.clock().timestamp()
    expires_at = payload["exp"]
    check_begun(payload["iat"], '"iat" (issued at)', "iat", now, leeway)
    if "nbf" in payload:
        not_before = ClaimReader(payload).seconds("nbf")
        if not_before > expires_at:
            raise TokenClaimError('claim "nbf" (not before): after "exp"', claim="nbf")
        check_begun(not_before, '"nbf" (not before)', "nbf", now, leeway)
    if now >= expires_at + leeway:
        raise TokenExpiredError(
            f'claim "exp" (expiration time): over for {now - expires_at:.0f} s', claim="exp"
        )


def check_begun(begins_at: int, spelt_out: str, claim: str, now: float, leeway: float) -> None:
    """Check that a date is not ahead of our clock by more than the leeway.

    Raises:
        TokenNotYetValidError: It is.
    """
    if begins_at > now + leeway:
        raise TokenNotYetValidError(
            f"claim {spelt_out}: {begins_at - now:.0f} s ahead of this clock, "
            f"at most {leeway:.0f} allowed",
            claim=claim,
        )


def fit_for_a_log(value: object) -> str | None:
    """Return what may stand in a field of a log line, None where it may not."""
    # A space would begin another field of the line, a line break another line.
    return value if isinstance(value, str) and _FIT_FOR_A_LOG.fullmatch(value) else None


UP_TO_THE_CLAIMS = (
    Check("form", "Is it a compact JWS of at most 4,096 characters?", _check_form),
    Check("header", "Does its header hold alg, kid and typ, as expected?", _check_header),
    Check("key", "Does the issuer publish the key that it names?", _check_key),
    Check("signature", "Did that key sign exactly this text?", _check_signature),
    Check("payload", "Is its payload one strict JSON object?", _check_payload),
    Check("required_claims", "Is every required claim there?", _check_required_claims),
    Check("issuer", "Is it from the issuer that is trusted here?", _check_issuer),
    Check("audience", "Is it for this receiver, and for nobody else?", _check_audience),
)
"""The checks that come before a kind's own one of its claims."""

LIFETIME = Check("lifetime", "Does it live no longer than is allowed?", _check_lifetime)
TIME = Check("time", "Has its time begun, and is not over?", _check_time)
DATES = (LIFETIME, TIME)
"""The checks of ``iat``, ``exp`` and ``nbf``, once they are known to be dates."""
