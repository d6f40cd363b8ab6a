"""Why is this token refused? The verifier's own checks, one after another, with their outcomes.

Nothing is spent: the token is not claimed, and can still be used by the browser it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    DependencyUnavailableError,
    HandoffError,
    JWKSUnavailableError,
)
from flask_handoff.keys import KeySource, utc
from flask_handoff.profiles import UNBOUNDED, TokenProfile
from flask_handoff.redaction import as_log_field

from .claim_reader import LATEST_DATE
from .kinds import kind_of
from .strict_jwt import read_header, read_segment
from .verification import Verification, Verifier, name_of

Outcome = Literal["ok", "refused", "cannot be told", "not checked", "not reached"]
Verdict = Literal["accepted", "refused", "cannot be told"]

SHOWN_HEADER = ("typ", "kid")
SHOWN_CLAIMS = ("iss", "aud", "sub", "jti", "iat", "exp")
LONGEST_SHOWN = 100  # characters of one value

_LEFT_TO_OTHERS: Mapping[str, str] = {
    "one_use": "not claimed: explaining spends nothing",
    "transaction": "not checked here: only that browser knows when it began",
    "browser": "not checked here: only the browser that began it can tell",
    "authentication": "not checked here: only that browser knows whether it was asked for",
}


class CheckResult(NamedTuple):
    """What became of one check.

    Args:
        name: Of the check, as errors have it in ``check``.
        outcome: What became of it.
        reason: In words; empty for ``ok`` and ``not reached``.
        code: Of the error that refused the token; None where it was not refused by this check.
        question: What the check asks, in a sentence.
    """

    name: str
    outcome: Outcome
    reason: str = ""
    code: str | None = None
    question: str = ""


class Explanation(NamedTuple):
    """Everything that can be said about one token without spending it.

    The token itself is not in it. Its texts are printable ASCII and bounded, whatever came.

    Args:
        results: One for each check, in the order in which they run.
        expected: What is expected here, by name.
        said: What the token says of itself, by name; only harmless values.
        is_genuine: Whether its issuer signed it; else anybody can have written what it says.
        kind: What it is by what it says of itself, in the words of ``TokenProfile.name``, or a
            ``client assertion``; None where that cannot be told.
        expected_kind: What is expected here, in the same words.
    """

    results: tuple[CheckResult, ...]
    expected: Mapping[str, str]
    said: Mapping[str, str]
    is_genuine: bool
    kind: str | None
    expected_kind: str

    @property
    def verdict(self) -> Verdict:
        """``accepted`` when every check passed that can be made here."""
        outcomes = {result.outcome for result in self.results}
        if "refused" in outcomes:
            return "refused"
        return "cannot be told" if "cannot be told" in outcomes else "accepted"


def explain(verifier: Verifier, unverified_token: UnverifiedToken) -> Explanation:
    """Run the checks that ``verifier.verify`` runs, but for those that need the browser.

    Args:
        verifier: The application's own, with its keys and its clock; one for each kind of token.
        unverified_token: Compact JWS, as it was refused.

    Source: RFC 7519, section 7.2.
    """
    # Fetched before the clock is read, so that a slow issuer does not age the token.
    keys = _describe_keys(verifier.keys)
    case = verifier.verification_class(verifier, unverified_token)
    results = tuple(_run_checks(verifier, case))
    now = verifier.clock()
    header, payload = _read(case)
    return Explanation(
        results=results,
        expected={
            "issuer": _shown(verifier.issuer),
            "audience": _shown(verifier.audience),
            "kind": _describe_kind(verifier.profile),
            "keys": keys,
            "this clock": f"{utc(now)}, {verifier.leeway:.0f} s of difference are allowed",
            "issuer's clock": _describe_clock(verifier.keys),
        },
        said=dict(_say(header, payload, now, fractions=verifier.profile.foreign)),
        is_genuine=case.is_genuine,
        kind=kind_of(header, payload, verifier.profile),
        expected_kind=verifier.profile.name,
    )


def _run_checks(verifier: Verifier, case: Verification) -> Iterator[CheckResult]:
    refused = False
    for check in verifier.checks:
        name, question = name_of(check), check.__doc__ or ""
        if refused:
            yield CheckResult(name, "not reached", question=question)
        elif name in _LEFT_TO_OTHERS:
            yield CheckResult(name, "not checked", _LEFT_TO_OTHERS[name], question=question)
        else:
            try:
                check(case)
            except HandoffError as error:
                refused = True
                unavailable = isinstance(error, DependencyUnavailableError)
                outcome: Outcome = "cannot be told" if unavailable else "refused"
                reason = _shown(str(error), longest=300)
                yield CheckResult(name, outcome, reason, error.code, question)
            else:
                yield CheckResult(name, "ok", question=question)


def _describe_kind(profile: TokenProfile) -> str:
    longest = f"at most {profile.maximum_lifetime.total_seconds():.0f} s long"
    if profile.maximum_lifetime == UNBOUNDED:
        longest = f"at most {profile.accepted_for.total_seconds():.0f} s old"
    return f"{profile.name}, {longest}"


def _describe_keys(keys: KeySource) -> str:
    try:
        keys.ready()
    except JWKSUnavailableError as error:
        return f"none: {_shown(str(error), longest=300)}"
    kids = getattr(keys, "kids", None)
    names = sorted(map(as_log_field, kids or ()))
    return ", ".join(names) if names else "held, but this source of keys does not list them"


def _describe_clock(keys: KeySource) -> str:
    difference = getattr(keys, "clock_difference", None)
    if difference is None:
        return "not known"
    seconds = round(difference.total_seconds())
    if seconds == 0:
        return "agrees with this one to a second"
    return f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this one"


def _read(case: Verification) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    header: Mapping[str, Any] = {}
    payload = case.payload
    # Only what the form check let through is decoded, and only by the strict reader.
    if segments := case.unverified_segments:
        with suppress(HandoffError):
            header = read_header(segments["header"])
            payload = payload or read_segment(segments["payload"], "payload")
    return header, payload


def _say(
    header: Mapping[str, Any], payload: Mapping[str, Any], now: datetime, *, fractions: bool
) -> Iterator[tuple[str, str]]:
    yield from ((name, _shown(header[name])) for name in SHOWN_HEADER if name in header)
    for name in (name for name in SHOWN_CLAIMS if name in payload):
        value = payload[name]
        if name not in ("iat", "exp"):
            yield name, _shown(value)
        elif type(value) is float and not fractions:
            yield name, f"{_shown(value)} (not a date)"
        else:
            yield name, _relative(name, value, now)
    others = sorted(payload.keys() - set(SHOWN_CLAIMS))
    if others:
        yield "also", _shown(", ".join(others), longest=300)


def _relative(name: str, value: object, now: datetime) -> str:
    if not isinstance(value, int | float) or value is True or not 0 < value <= LATEST_DATE:
        return f"{_shown(value)} (not a date)"
    instant = datetime.fromtimestamp(value, UTC)
    seconds = round((now - instant).total_seconds())
    if name == "exp":
        relation = f"expired {seconds} s ago" if seconds >= 0 else f"in {-seconds} s"
    else:
        relation = f"{abs(seconds)} s {'before' if seconds >= 0 else 'ahead of'} this clock"
    return f"{utc(instant)}, {relation}"


def _shown(value: object, *, longest: int = LONGEST_SHOWN) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    # A name may hold escape sequences for the terminal, or letters that only look like others.
    escaped = "".join(
        character
        if character.isascii() and character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text[:longest]
    )
    return escaped[:longest] + ("..." if len(text) > longest or len(escaped) > longest else "")
