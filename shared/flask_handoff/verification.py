"""One verification of one token: its checks, listed once, in their order.

``TokenVerifier.verify`` runs the list and ``explain`` runs the same list, so that what an operator
reads is what happens to a token that arrives.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .claim_reader import ClaimReader, missing
from .claims import Clock, HandoffClaims, UnverifiedToken
from .errors import (
    AttemptUnknownError,
    HandoffError,
    Refusal,
    TokenClaimError,
    TokenExpiredError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenSignatureError,
)
from .keys import KeySource, VerificationKey
from .profiles import TokenProfile
from .replay import ReplayStore
from .strict_jwt import ALGORITHM, read_header, read_payload, verify_signature

MAXIMUM_TOKEN_LENGTH = 4096  # characters; a handoff by a key of 2048 bits is about 950
REPLAY_MARGIN = timedelta(seconds=60)  # remembered this much longer than a token is accepted

_COMPACT_FORM = re.compile(
    r"(?P<header>[A-Za-z0-9_-]{2,1024})\.(?P<payload>[A-Za-z0-9_-]{2,3072})"
    r"\.(?P<signature>[A-Za-z0-9_-]{342,683})",
    re.ASCII,
)
_KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_JWT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
_NONCE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_LONGEST_SCOPE = 1024  # characters
_ALWAYS_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "nonce")
_FIT_FOR_A_LOG = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class Expectations:
    """What one receiver expects of every token.

    Args:
        issuer: The only ``iss`` that is accepted, compared character by character.
        audience: The only ``aud`` that is accepted: this receiver's ``client_id``.
        keys: The issuer's public keys.
        replay_store: Remembers what was used.
        profile: Which kind of token is expected here.
        clock: Tells the time.
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
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.replay_store = replay_store
        self.profile = profile
        self.clock = clock
        self.required_claims = (*_ALWAYS_REQUIRED, *profile.required_claims)
        self.leeway = profile.leeway.total_seconds()
        self.maximum_lifetime = profile.maximum_lifetime.total_seconds()
        self.remembered_after_expiry = profile.leeway + REPLAY_MARGIN


@dataclass(slots=True)
class Verification:
    """One token on its way through the checks; each check leaves here what the next ones need.

    Args:
        expected: What this receiver expects.
        unverified_token: As it came from the browser.
        nonce: What this browser's attempt is bound to; None when it has no attempt.
        authenticated_after: The user must have signed in at the issuer after this instant.
        remember_until: A token without ``jti`` is remembered until then at least.
    """

    expected: Expectations
    unverified_token: UnverifiedToken
    nonce: str | None = None
    authenticated_after: datetime | None = None
    remember_until: datetime | None = None

    unverified_segments: Mapping[str, str] = field(init=False, default_factory=dict)
    unverified_kid: str = field(init=False)
    key: VerificationKey = field(init=False)
    is_genuine: bool = field(init=False, default=False)  # signed by the issuer; not yet for us
    signed_octets: bytes = field(init=False)
    payload: Mapping[str, Any] = field(init=False, default_factory=dict)
    now: float = field(init=False)
    claims: HandoffClaims = field(init=False)

    def run(self) -> HandoffClaims:
        """Run every check and return what the token proves.

        Raises:
            HandoffError: What a check raised; its ``refusal`` says which check it was.
        """
        check = CHECKS[0]
        try:
            for check in CHECKS:
                check.run(self)
        except HandoffError as error:
            error.refusal = self.refused_by(check)
            raise
        return self.claims

    def refused_by(self, check: Check) -> Refusal:
        """Say which check refused, and of a genuine token which one it was."""
        # What is not genuine anybody can have written, to mislead whoever reads the log.
        if not self.is_genuine:
            return Refusal(check=check.name)
        return Refusal(
            check=check.name,
            kid=self.key.kid,
            jwt_id=_fit_for_a_log(self.payload.get("jti")),
            issuer=_fit_for_a_log(self.payload.get("iss")),
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a token.

    Args:
        name: What logs and ``flask handoff-explain`` call it; never changed.
        question: What it asks, as one sentence.
        run: Returns, or raises the error that refuses the token.
    """

    name: str
    question: str
    run: Callable[[Verification], None]


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
    typ = header.get("typ")
    if type(typ) is str:
        typ = typ.lower().removeprefix("application/")
    if not (typ is None or type(typ) is str) or typ not in profile.accepted_types:
        raise TokenMalformedError(f'header "typ" (type): not that of a {profile.name}')
    kid = header.get("kid")
    if type(kid) is not str or _KID.fullmatch(kid) is None:
        raise TokenMalformedError('header "kid" (key ID): missing or not of its form')
    case.unverified_kid = kid


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
    for claim in case.expected.required_claims:
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


def _check_claims(case: Verification) -> None:
    expected, payload = case.expected, case.payload
    read = ClaimReader(payload)
    jwt_id = read.text("jti")
    if jwt_id is not None and "jti" in expected.required_claims:
        read.require_form("jti", _JWT_ID)
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
    _check_begun(payload["iat"], '"iat" (issued at)', "iat", now, leeway)
    if "nbf" in payload:
        not_before = ClaimReader(payload).seconds("nbf")
        if not_before > expires_at:
            raise TokenClaimError('claim "nbf" (not before): after "exp"', claim="nbf")
        _check_begun(not_before, '"nbf" (not before)', "nbf", now, leeway)
    if now >= expires_at + leeway:
        raise TokenExpiredError(
            f'claim "exp" (expiration time): over for {now - expires_at:.0f} s',
            expired_at=datetime.fromtimestamp(expires_at, UTC),
        )


def _check_begun(begins_at: int, spelt_out: str, claim: str, now: float, leeway: float) -> None:
    if begins_at > now + leeway:
        raise TokenNotYetValidError(
            f"claim {spelt_out}: {begins_at - now:.0f} s ahead of this clock, "
            f"at most {leeway:.0f} allowed",
            claim=claim,
        )


def _check_one_use(case: Verification) -> None:
    claims = case.claims
    forget_at = claims.expires_at + case.expected.remembered_after_expiry
    identifier = claims.jwt_id
    if identifier is None:
        # A foreign issuer's token without an identifier is known by its nonce, used once too.
        identifier = f"nonce:{claims.nonce}"
        forget_at = max(forget_at, case.remember_until or forget_at)
    case.expected.replay_store.claim(
        claims.issuer, identifier, expires_at=int(forget_at.timestamp()), now=int(case.now)
    )


def _check_browser(case: Verification) -> None:
    if case.nonce is None:
        raise AttemptUnknownError("this browser has no such attempt; the token is spent now")
    if not hmac.compare_digest(case.claims.nonce.encode(), case.nonce.encode()):
        raise TokenClaimError(
            'claim "nonce": bound to another attempt; the token is spent now', claim="nonce"
        )


def _check_authentication(case: Verification) -> None:
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


def _fit_for_a_log(value: object) -> str | None:
    # A space would begin another field of the line, a line break another line.
    return value if isinstance(value, str) and _FIT_FOR_A_LOG.fullmatch(value) else None


ONE_USE = Check("one_use", "Was it never used before?", _check_one_use)
BROWSER = Check("browser", "Did this browser ask for it?", _check_browser)
AUTHENTICATION = Check(
    "authentication", "Has the user signed in as lately as was asked for?", _check_authentication
)

# What this browser asked for comes last: a genuine token in the wrong browser is spent first.
CHECKS = (
    Check("form", "Is it a compact JWS of at most 4,096 characters?", _check_form),
    Check("header", "Does its header hold alg, kid and typ, as expected?", _check_header),
    Check("key", "Does the issuer publish the key that it names?", _check_key),
    Check("signature", "Did that key sign exactly this text?", _check_signature),
    Check("payload", "Is its payload one strict JSON object?", _check_payload),
    Check("required_claims", "Is every required claim there?", _check_required_claims),
    Check("issuer", "Is it from the issuer that is trusted here?", _check_issuer),
    Check("audience", "Is it for this receiver, and for nobody else?", _check_audience),
    Check("claims", "Is each claim of its type and form?", _check_claims),
    Check("lifetime", "Does it live no longer than is allowed?", _check_lifetime),
    Check("time", "Has its time begun, and is not over?", _check_time),
    ONE_USE,
    BROWSER,
    AUTHENTICATION,
)
