"""Access tokens: good ones, and others that must let no program in.

Source: RFC 9068, sections 2 and 4.
"""

from __future__ import annotations

from typing import Any

from vectors.book import (
    ACCESS,
    AUDIENCE,
    ISSUER_URL,
    KID,
    LOGOUT_EVENT,
    NONCE,
    NOW,
    WITHOUT,
    Group,
    by,
    good_handoff,
    good_logout,
    member,
)
from vectors.jose import always, hs, public_forms, rs
from vectors.seeded_keys import ISSUER, STRANGER

_NOT_A_NAME: dict[str, Any] = {
    "is empty": "",
    "of 256 characters": "s" * 256,
    "with a NUL": "a\0b",
    "with a line break": "a\nb",
    "with a space behind": "ab ",
    "is a number": 1,
    "is true": True,
    "is a list": ["reader"],
    "is an object": {"x": 1},
}
_NOT_A_SCOPE: dict[str, Any] = {
    "is empty": "",
    "with two spaces": "read  write",
    "with a space in front": " read",
    "with a quotation mark": 'read"',
    "with a line break": "read\nwrite",
    "of 1,025 characters": "s" * 1025,
    "is a list": ["read"],
    "is true": True,
}


def access() -> Group:
    """Return the group."""
    group = Group(
        "access", "Access tokens: good ones, and others that must let no program in.", ACCESS
    )
    _good(group)
    _forged(group)
    _other_kinds(group)
    _for_others(group)
    _times(group)
    _names(group)
    return group


def _good(group: Group) -> None:
    group.accept("an access token as it is minted")
    group.accept("no scope", claims={"scope": WITHOUT})
    group.accept("no session", claims={"sid": WITHOUT})
    group.accept("4 s after it expired", now=NOW + 604)
    group.accept("issued 5 s ahead of this clock", now=NOW - 5)
    group.accept("an unknown claim", claims={"x": 1.5})
    group.accept("a time of authentication", claims={"auth_time": NOW - 30, "acr": "1"})
    group.accept("typ with application in front", header={"typ": "application/at+jwt"})
    group.accept("typ in capitals", header={"typ": "AT+JWT"})


def _forged(group: Group) -> None:
    group.refuse("signed by a stranger", attack="B1", check="signature", sign=by(STRANGER))
    group.refuse(
        "alg none without a signature",
        attack="B1",
        check="form",
        header={"alg": "none"},
        sign=always(b""),
    )
    for name, secret in public_forms(ISSUER, KID).items():
        group.refuse(
            f"HS256 with {name} as the secret",
            attack="B1",
            check="form",
            header={"alg": "HS256"},
            sign=hs("256", secret),
        )
    for bits in ("384", "512"):
        group.refuse(
            f"RS{bits} by the issuer's key",
            attack="B1",
            check="header",
            header={"alg": f"RS{bits}"},
            sign=rs(bits, ISSUER),
        )
    group.refuse(
        "scope twice, the smaller one first",
        attack="B1",
        check="payload",
        rewrite_payload=member('"scope":"read write admin"'),
    )


def _other_kinds(group: Group) -> None:
    types = ("JWT", "handoff+jwt", "logout+jwt", "secevent+jwt", "client-authentication+jwt", "")
    for typ in types:
        group.refuse(f"typ is {typ or 'empty'}", attack="B2", check="header", header={"typ": typ})
    group.refuse("typ is missing", attack="B2", check="header", header={"typ": WITHOUT})
    for kind, claims in {"handoff": good_handoff(""), "logout": good_logout("")}.items():
        del claims["jti"]
        group.refuse(
            f"a {kind} that calls itself an access token",
            attack="B2",
            check="required_claims",
            claim="client_id",
            claims={"scope": WITHOUT, **claims, "client_id": WITHOUT},
        )
        group.refuse(
            f"a {kind} and an access token in one",
            attack="B2",
            check="no_other_kind",
            claim="nonce" if kind == "handoff" else "events",
            claims=claims,
        )
    for claim, value in {"nonce": NONCE, "events": {LOGOUT_EVENT: {}}}.items():
        for how, one in {"is there": value, "is null": None}.items():
            group.refuse(
                f"{claim} {how}",
                attack="B2",
                check="no_other_kind",
                claim=claim,
                claims={claim: one},
            )


def _for_others(group: Group) -> None:
    for comment, value in {
        "another service": "another-service",
        "a list of this service": [AUDIENCE],
        "a list of this service and another": [AUDIENCE, "another-service"],
        "in capitals": AUDIENCE.upper(),
    }.items():
        group.refuse(
            f"for {comment}", attack="B3", check="audience", claim="aud", claims={"aud": value}
        )
    for comment, value in {
        "another issuer": "https://attacker.example",
        "an issuer with a slash": ISSUER_URL + "/",
        "a list of the issuer": [ISSUER_URL],
    }.items():
        group.refuse(
            f"from {comment}", attack="B4", check="issuer", claim="iss", claims={"iss": value}
        )


def _times(group: Group) -> None:
    for seconds in (5, 3600, 365 * 86400):
        group.refuse(
            f"over for {seconds} s",
            attack="B4",
            check="time",
            claim="exp",
            code="token_expired",
            now=NOW + 600 + seconds,
        )
    for seconds in (6, 3600):
        group.refuse(
            f"issued {seconds} s ahead of this clock",
            attack="B4",
            check="time",
            claim="iat",
            code="token_not_yet_valid",
            now=NOW - seconds,
        )
    lives: dict[str, dict[str, Any]] = {
        "601 s long": {"exp": NOW + 601},
        "a year long": {"exp": NOW + 365 * 86400},
        "issued yesterday and not over": {"iat": NOW - 86400},
    }
    for comment, changes in lives.items():
        group.refuse(comment, attack="B4", check="lifetime", claim="exp", claims=changes)


def _names(group: Group) -> None:
    for claim in ("sub", "client_id", "jti"):
        for how, value in {"missing": WITHOUT, "null": None}.items():
            group.refuse(
                f"{claim} is {how}",
                attack="B5",
                check="required_claims",
                claim=claim,
                claims={claim: value},
            )
    for claim in ("sub", "client_id", "sid"):
        for comment, value in _NOT_A_NAME.items():
            _of_another_form(group, claim, comment, value)
    for comment, value in _NOT_A_SCOPE.items():
        _of_another_form(group, "scope", comment, value)
    for length in (4, 21, 65):
        _of_another_form(group, "jti", f"of {length} characters", "j" * length)


def _of_another_form(group: Group, claim: str, comment: str, value: object) -> None:
    group.refuse(
        f"{claim} {comment}", attack="B5", check="claims", claim=claim, claims={claim: value}
    )
