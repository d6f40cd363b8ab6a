"""Logout tokens: good ones, and others that must end no session.

Source: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
"""

from __future__ import annotations

from typing import Any

from vectors.book import (
    AUDIENCE,
    ISSUER_URL,
    KID,
    LOGOUT,
    LOGOUT_EVENT,
    NONCE,
    NOW,
    WITHOUT,
    Group,
    by,
    good_handoff,
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
    "is a list": ["session-71be04"],
    "is an object": {"x": 1},
}


def logout() -> Group:
    """Return the group."""
    group = Group(
        "logout", "Logout tokens: good ones, and others that must end no session.", LOGOUT
    )
    _good(group)
    _forged(group)
    _other_kinds(group)
    _event(group)
    _for_others(group)
    _times(group)
    _names(group)
    return group


def _good(group: Group) -> None:
    group.accept("a logout token as it is minted")
    group.accept("a session and no account", claims={"sub": WITHOUT})
    group.accept("an account and no session", claims={"sid": WITHOUT})
    group.accept("no time of the event", claims={"toe": WITHOUT})
    group.accept("ended long ago, and told late", claims={"toe": NOW - 86400})
    group.accept("9 s after it expired", now=NOW + 129)
    group.accept("issued 10 s ahead of this clock", now=NOW - 10)
    group.accept("an unknown claim", claims={"x": 1.5})
    group.accept(
        "something beside the event's name", claims={"events": {LOGOUT_EVENT: {"x": True}, "y": {}}}
    )
    for comment, typ in {
        "typ with application in front": "application/logout+jwt",
        "typ in capitals": "LOGOUT+JWT",
    }.items():
        group.accept(comment, header={"typ": typ})


def _forged(group: Group) -> None:
    group.refuse("signed by a stranger", attack="L1", check="signature", sign=by(STRANGER))
    group.refuse(
        "alg none without a signature",
        attack="L1",
        check="form",
        header={"alg": "none"},
        sign=always(b""),
    )
    for name, secret in public_forms(ISSUER, KID).items():
        group.refuse(
            f"HS256 with {name} as the secret",
            attack="L1",
            check="form",
            header={"alg": "HS256"},
            sign=hs("256", secret),
        )
    for bits in ("384", "512"):
        group.refuse(
            f"RS{bits} by the issuer's key",
            attack="L1",
            check="header",
            header={"alg": f"RS{bits}"},
            sign=rs(bits, ISSUER),
        )
    group.refuse(
        "events twice, the right one last",
        attack="L1",
        check="payload",
        claims={"events": {}},
        rewrite_payload=member(f'"events":{{"{LOGOUT_EVENT}":{{}}}}'),
    )


def _other_kinds(group: Group) -> None:
    for typ in ("JWT", "handoff+jwt", "at+jwt", "secevent+jwt", "client-authentication+jwt", ""):
        group.refuse(f"typ is {typ or 'empty'}", attack="L2", check="header", header={"typ": typ})
    group.refuse("typ is missing", attack="L2", check="header", header={"typ": WITHOUT})
    handoff = {**good_handoff(""), "toe": WITHOUT}
    del handoff["jti"]
    group.refuse(
        "a handoff that calls itself a logout",
        attack="L2",
        check="required_claims",
        claim="events",
        claims={**handoff, "events": WITHOUT},
    )
    group.refuse(
        "a handoff and a logout in one",
        attack="L2",
        check="no_nonce",
        claim="nonce",
        claims=handoff,
    )
    for comment, value in {"is there": NONCE, "is empty": "", "is null": None}.items():
        group.refuse(
            f"a nonce {comment}",
            attack="L2",
            check="no_nonce",
            claim="nonce",
            claims={"nonce": value},
        )


def _event(group: Group) -> None:
    for how, value in {"missing": WITHOUT, "null": None}.items():
        group.refuse(
            f"events are {how}",
            attack="L3",
            check="required_claims",
            claim="events",
            claims={"events": value},
        )
    values: dict[str, Any] = {
        "are empty": {},
        "are of another kind": {"urn:example:event": {}},
        "end in a slash": {LOGOUT_EVENT + "/": {}},
        "are in capitals": {LOGOUT_EVENT.upper(): {}},
        "are the name alone": LOGOUT_EVENT,
        "are a list of the name": [LOGOUT_EVENT],
        "are a list of the object": [{LOGOUT_EVENT: {}}],
        "are true": True,
        "say null": {LOGOUT_EVENT: None},
        "say true": {LOGOUT_EVENT: True},
        "say a text": {LOGOUT_EVENT: "{}"},
        "say a list": {LOGOUT_EVENT: []},
    }
    for comment, value in values.items():
        group.refuse(
            f"events {comment}",
            attack="L3",
            check="event",
            claim="events",
            claims={"events": value},
        )


def _for_others(group: Group) -> None:
    for comment, value in {
        "another receiver": "another-receiver",
        "a list of this receiver": [AUDIENCE],
        "a list of this receiver and another": [AUDIENCE, "another-receiver"],
        "in capitals": AUDIENCE.upper(),
    }.items():
        group.refuse(
            f"for {comment}", attack="L4", check="audience", claim="aud", claims={"aud": value}
        )
    for comment, value in {
        "another issuer": "https://attacker.example",
        "an issuer with a slash": ISSUER_URL + "/",
        "a list of the issuer": [ISSUER_URL],
    }.items():
        group.refuse(
            f"from {comment}", attack="L4", check="issuer", claim="iss", claims={"iss": value}
        )


def _times(group: Group) -> None:
    for seconds in (10, 3600, 365 * 86400):
        group.refuse(
            f"over for {seconds} s",
            attack="L5",
            check="time",
            claim="exp",
            code="token_expired",
            now=NOW + 120 + seconds,
        )
    for seconds in (11, 3600):
        group.refuse(
            f"issued {seconds} s ahead of this clock",
            attack="L5",
            check="time",
            claim="iat",
            code="token_not_yet_valid",
            now=NOW - seconds,
        )
    lives = {
        "121 s long": {"exp": NOW + 121},
        "a year long": {"exp": NOW + 365 * 86400},
        "issued yesterday and not over": {"iat": NOW - 86400, "toe": NOW - 86400},
    }
    for comment, changes in lives.items():
        group.refuse(comment, attack="L5", check="lifetime", claim="exp", claims=changes)
    values: dict[str, Any] = {
        "after iat": NOW + 1,
        "a text": str(NOW),
        "a fraction": NOW - 0.5,
        "true": True,
        "0": 0,
        "negative": -1,
    }
    for comment, value in values.items():
        group.refuse(
            f"toe is {comment}", attack="L5", check="claims", claim="toe", claims={"toe": value}
        )


def _names(group: Group) -> None:
    for how, value in {"missing": WITHOUT, "null": None}.items():
        group.refuse(
            f"session and account are {how}",
            attack="L6",
            check="claims",
            claim="sid",
            claims={"sid": value, "sub": value},
        )
    for claim in ("sid", "sub"):
        for comment, value in _NOT_A_NAME.items():
            group.refuse(
                f"{claim} {comment}",
                attack="L6",
                check="claims",
                claim=claim,
                claims={claim: value},
            )
    for how, value in {"missing": WITHOUT, "null": None}.items():
        group.refuse(
            f"jti is {how}",
            attack="L6",
            check="required_claims",
            claim="jti",
            claims={"jti": value},
        )
    for length in (4, 21, 65):
        group.refuse(
            f"jti of {length} characters",
            attack="L6",
            check="claims",
            claim="jti",
            claims={"jti": "j" * length},
        )
