"""One verification of one token: the engine, and the checks that every kind of token meets.

A kind lists its checks once, in their order. The verifier runs the list and ``explain`` runs the
same list, so that what an operator reads is what happens to a token that arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, ClassVar, TypeVar, cast

from flask_handoff.claims import Clock, UnverifiedToken, system_clock
from flask_handoff.errors import (
    HandoffError,
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenSignatureError,
)
from flask_handoff.keys import KeySource, VerificationKey
from flask_handoff.profiles import HANDOFF, TokenProfile
from flask_handoff.redaction import as_log_field

from .claim_reader import ClaimReader, FractionalDates, missing
from .strict_jwt import ALGORITHM, read_header, read_object, verify_signature

MAXIMUM_TOKEN_LENGTH = HANDOFF.maximum_length

_COMPACT_FORM = re.compile(
    r"(?P<header>[A-Za-z0-9_-]{2,1024})\.(?P<payload>[A-Za-z0-9_-]{2,3072})"
    r"\.(?P<signature>[A-Za-z0-9_-]{342,683})",
    re.ASCII,
)
_KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_FIT_FOR_A_LOG = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)

Checks = Sequence[Callable[[Any], None]]
"""The checks of one kind of token, in their order."""


class Verifier:
    """What one receiver expects of every token of one kind."""

    default_profile: ClassVar[TokenProfile]
    verification_class: type[Verification]
    checks: Checks  # all of them, in their order

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        profile: TokenProfile | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.profile = profile or self.default_profile
        self.clock = clock
        self.leeway = self.profile.leeway.total_seconds()
        self.maximum_lifetime = self.profile.maximum_lifetime.total_seconds()


@dataclass(slots=True, eq=False, repr=False)
class Verification:
    """One token on its way through the checks; each check leaves here what the next ones need."""

    claim_reader: ClassVar[type[ClaimReader]] = ClaimReader

    expected: Verifier
    unverified_token: UnverifiedToken

    unverified_segments: Mapping[str, str] = field(init=False, default_factory=dict)
    unverified_kid: str | None = field(init=False)  # None where the kind may go without
    key: VerificationKey = field(init=False)
    is_genuine: bool = field(init=False, default=False)  # signed by the issuer; not yet for us
    signed_octets: bytes = field(init=False)
    payload: Mapping[str, Any] = field(init=False, default_factory=dict)
    now: float = field(init=False)


_Case = TypeVar("_Case", bound=Verification)


def run_checks(case: _Case, checks: Sequence[Callable[[_Case], None]]) -> None:
    """Run every check, in their order.

    Raises:
        HandoffError: What a check raised; it says which check it was, and of a genuine token which
            one it was.
    """
    check = checks[0]
    try:
        for check in checks:
            check(case)
    except HandoffError as error:
        # Anybody can have written what is not genuine, to mislead the reader of a log.
        error.check = name_of(check)
        if case.is_genuine:
            error.kid = as_log_field(case.key.kid)
            error.jwt_id = fit_for_a_log(case.payload.get("jti"))
            error.issuer = fit_for_a_log(case.payload.get("iss"))
        raise


def name_of(check: Callable[[Any], None]) -> str:
    """Return what logs and ``flask handoff-explain`` call a check; never changed."""
    return check.__name__.removeprefix("check_")


def fit_for_a_log(value: object) -> str | None:
    """Return what may stand in a field of a log line, None where it may not."""
    # A space would begin another field of the line, a line break another line.
    return value if isinstance(value, str) and _FIT_FOR_A_LOG.fullmatch(value) else None


# The docstring of a check is its question, as docs/how-it-works.md asks it.


def check_form(case: Verification) -> None:
    """Is it a compact JWS of at most 4,096 characters?"""
    if len(case.unverified_token) > MAXIMUM_TOKEN_LENGTH:
        raise TokenMalformedError(f"longer than {MAXIMUM_TOKEN_LENGTH} characters")
    form = _COMPACT_FORM.fullmatch(case.unverified_token)
    if form is None:
        raise TokenMalformedError("not a compact JWS")
    case.unverified_segments = form.groupdict()


def check_header(case: Verification) -> None:
    """Does its header hold alg, kid and typ, as expected?"""
    header, profile = read_header(case.unverified_segments["header"]), case.expected.profile
    if not header.keys() <= profile.header_parameters:
        # Embedded keys, key addresses, crit, b64, zip, cty: none has a use here (RFC 8725, 3.10).
        raise TokenMalformedError("header: a parameter other than alg, kid and typ")
    if header.get("alg") != ALGORITHM:
        raise TokenMalformedError(f'header "alg" (algorithm): expected {ALGORITHM}')
    if plain_type(header) not in profile.accepted_types:
        raise TokenMalformedError(f'header "typ" (type): not that of a {profile.name}')
    kid = header.get("kid")
    may_be_absent = "kid" not in header and not profile.requires_kid
    if not may_be_absent and (type(kid) is not str or _KID.fullmatch(kid) is None):
        raise TokenMalformedError('header "kid" (key ID): missing or not of its form')
    case.unverified_kid = kid


def plain_type(header: Mapping[str, Any]) -> str | None:
    """Return the header's type as profiles write it, None where it has none."""
    if "typ" not in header:
        return None
    typ = header["typ"]
    # A type that is null is there, and is none: only its absence may pass for "JWT".
    return typ.lower().removeprefix("application/") if type(typ) is str else ""


def check_key(case: Verification) -> None:
    """Does the issuer publish the key that it names?"""
    # The header is not trusted yet: it may only choose among the issuer's keys.
    case.key = case.expected.keys.key(cast(str, case.unverified_kid))


def check_signature(case: Verification) -> None:
    """Did that key sign exactly this text?"""
    try:
        case.signed_octets = verify_signature(case.unverified_token, case.key)
    except TokenSignatureError as error:
        case.key = _newer_key(case, error)
        case.signed_octets = verify_signature(case.unverified_token, case.key)
    case.is_genuine = True


def _newer_key(case: Verification, error: TokenSignatureError) -> VerificationKey:
    """Return the key that its issuer has put in the place of one that did not fit, or raise."""
    ask_again = getattr(case.expected.keys, "ask_again", None)
    if ask_again is None:
        raise error
    # Whoever forges a token makes us ask here as with an unknown key: within the same pace.
    ask_again()
    try:
        return find_key(case.expected.keys, case.unverified_kid)
    except TokenKeyUnknownError:
        raise error from None


def find_key(keys: KeySource, unverified_kid: str | None) -> VerificationKey:
    """Return the key that a token names; the only one of its issuer where it names none.

    Raises:
        TokenKeyUnknownError, JWKSUnavailableError: See ``KeySource.key``.

    Source: OpenID Connect Core 1.0, section 10.1.
    """
    if unverified_kid is not None:
        return keys.key(unverified_kid)
    keys.ready()
    kids: frozenset[str] = getattr(keys, "kids", frozenset())
    if len(kids) != 1:
        raise TokenKeyUnknownError(f"the token names no key, and its issuer has {len(kids)}")
    return keys.key(next(iter(kids)))


def check_payload(case: Verification) -> None:
    """Is its payload one strict JSON object?"""
    case.payload = read_object(case.signed_octets, "payload")


def check_required_claims(case: Verification) -> None:
    """Is every required claim there?"""
    for claim in case.expected.profile.required_claims:
        if case.payload.get(claim) is None:
            raise missing(claim)


def check_issuer(case: Verification) -> None:
    """Is it from the issuer that is trusted here?"""
    issuer = case.expected.issuer
    if case.payload["iss"] != issuer:
        raise TokenClaimError(f'claim "iss" (issuer): expected {issuer!r}', claim="iss")


def check_audience(case: Verification) -> None:
    """Is it for this receiver, and for nobody else?"""
    audience = case.expected.audience
    # A list is refused even if it names us: it could name a second receiver that replays it.
    if case.payload["aud"] != audience:
        raise TokenClaimError(
            f'claim "aud" (audience): expected {audience!r}, and nothing beside it', claim="aud"
        )
    if case.payload.get("azp", audience) != audience:
        raise TokenClaimError('claim "azp" (authorized party): not this receiver', claim="azp")


UP_TO_THE_CLAIMS = (
    check_form,
    check_header,
    check_key,
    check_signature,
    check_payload,
    check_required_claims,
    check_issuer,
    check_audience,
)
"""The checks that come before a kind's own one of its claims."""


def check_lifetime(case: Verification) -> None:
    """Does it live no longer than is allowed?"""
    lifetime, longest = case.payload["exp"] - case.payload["iat"], case.expected.maximum_lifetime
    if not 0 < lifetime <= longest:
        raise TokenClaimError(
            f'claim "exp" (expiration time): {lifetime} s after "iat", expected 1 to {longest:.0f}',
            claim="exp",
        )


def check_time(case: Verification) -> None:
    """Has its time begun, and is not over?"""
    payload = case.payload
    case.now = case.expected.clock().timestamp()
    if "iat" in payload:  # a client assertion may go without
        check_begun(case, "iat", '"iat" (issued at)')
    if "nbf" in payload:
        check_not_before(case)
    since = case.now - payload["exp"]
    if since >= case.expected.leeway:
        raise TokenExpiredError(
            f'claim "exp" (expiration time): expired {since:.0f} s ago', claim="exp"
        )


def check_not_before(case: Verification) -> None:
    """Check the date before which a token is not to be used, where it has one."""
    payload, is_foreign = case.payload, case.expected.profile.foreign
    # Other issuers write null or 0 where they mean none.
    if is_foreign and (type(payload["nbf"]), payload["nbf"]) in ((NoneType, None), (int, 0)):
        return
    read = (FractionalDates if is_foreign else case.claim_reader)(payload)
    if read.seconds("nbf") > payload["exp"]:
        raise TokenClaimError('claim "nbf" (not before): after "exp"', claim="nbf")
    check_begun(case, "nbf", '"nbf" (not before)')


def check_begun(case: Verification, claim: str, spelt_out: str) -> None:
    """Check that a date is not ahead of our clock by more than the leeway."""
    ahead, leeway = case.payload[claim] - case.now, case.expected.leeway
    if ahead > leeway:
        raise TokenNotYetValidError(
            f"claim {spelt_out}: {ahead:.0f} s ahead of this clock, at most {leeway:.0f} allowed",
            claim=claim,
        )
