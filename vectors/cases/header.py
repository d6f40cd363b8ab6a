"""Headers that ask for something else than RS256 by a known key; the issuer's key signed each."""

from __future__ import annotations

from typing import Any

from vectors.book import KID, WITHOUT, Group, by, first_member, member
from vectors.jose import base64url, rsa_jwk
from vectors.seeded_keys import STRANGER

_ELSEWHERE = "https://attacker.example/keys"


def header() -> Group:
    """Return the group."""
    group = Group("header", "Headers that no good token has, under a good signature.")
    _kids(group)
    _types(group)
    _brought_keys(group)
    _extensions(group)
    _repeated(group)
    return group


def _kids(group: Group) -> None:
    malformed: dict[str, Any] = {
        "kid is missing": WITHOUT,
        "kid is null": None,
        "kid is empty": "",
        "kid is a number": 1,
        "kid is true": True,
        "kid is a list": [KID],
        "kid is an object": {"kid": KID},
        "kid of 65 characters": "k" * 65,
        "kid is a path": "../../../../dev/null",
        "kid is an absolute path": "/etc/passwd",
        "kid is SQL": "' UNION SELECT 'secret'--",
        "kid is a shell command": "|sleep 10",
        "kid is an address": _ELSEWHERE,
        "kid with a NUL behind": KID + "\0",
        "kid with a line break behind": KID + "\n",
        "kid with a space in front": " " + KID,
        "kid with another script's letter": "issuer-k\u0435y",
        "kid is half of a surrogate pair": "\ud800",
        "kid is an escape sequence of terminals": "\x1b[31m",
    }
    for comment, kid in malformed.items():
        attack = "K17" if kid is WITHOUT else "T7"
        group.refuse(comment, attack=attack, check="header", header={"kid": kid})
    unknown = {
        "kid is unknown": "a-key-that-nobody-published",
        "kid in capitals": KID.upper(),
        "kid is longer than the known one": KID + "2",
        "kid is shorter than the known one": KID[:-1],
        "kid is two dots": "..",
        "kid is a word that JSON knows": "null",
    }
    for comment, kid in unknown.items():
        group.refuse(comment, attack="T7", check="key", header={"kid": kid})


def _types(group: Group) -> None:
    other_kinds = {
        "typ of any JWT": "JWT",
        "typ of any JWT, small": "jwt",
        "typ of an access token": "at+jwt",
        "typ of a logout token": "logout+jwt",
        "typ of a client assertion": "client-authentication+jwt",
        "typ of a security event": "secevent+jwt",
        "typ of a proof of possession": "dpop+jwt",
        "typ of a request object": "oauth-authz-req+jwt",
        "typ of a JOSE object": "JOSE",
    }
    for comment, typ in other_kinds.items():
        group.refuse(comment, attack="C9", check="header", header={"typ": typ})
    no_kinds: dict[str, Any] = {
        "typ is missing": WITHOUT,
        "typ is null": None,
        "typ is empty": "",
        "typ is a number": 1,
        "typ is true": True,
        "typ is a list": ["handoff+jwt"],
        "typ is an object": {"typ": "handoff+jwt"},
        "typ with a space behind": "handoff+jwt ",
        "typ with a line break behind": "handoff+jwt\n",
        "typ with a parameter": "handoff+jwt;v=1",
        "typ with application in front twice": "application/application/handoff+jwt",
        "typ with another type in front": "text/handoff+jwt",
        "typ cut short": "handoff",
        "typ with a ligature": "hando\ufb00+jwt",
        "typ with a long s for nothing": "handoff+jwt\u017f",
    }
    for comment, typ in no_kinds.items():
        group.refuse(comment, attack="C10", check="header", header={"typ": typ})


def _brought_keys(group: Group) -> None:
    stranger = rsa_jwk(STRANGER, KID)
    brought: dict[str, Any] = {
        "jwk": stranger,
        "jku": _ELSEWHERE,
        "x5u": _ELSEWHERE,
        "x5c": ["MIIB"],
        "x5t": base64url(bytes(20)),
        "x5t#S256": base64url(bytes(32)),
    }
    for name, value in brought.items():
        group.refuse(
            f"{name} in the header, signed by the issuer",
            attack="T5",
            check="header",
            header={name: value},
        )
        group.refuse(
            f"{name} in the header, signed by a stranger",
            attack="T5",
            check="header",
            header={name: value},
            sign=by(STRANGER),
        )
        group.refuse(
            f"{name} in the header and no kid, signed by a stranger",
            attack="T5",
            check="header",
            header={name: value, "kid": WITHOUT},
            sign=by(STRANGER),
        )


def _extensions(group: Group) -> None:
    critical: dict[str, dict[str, Any]] = {
        "crit names something unknown": {"crit": ["http://example.com/x"]},
        "crit names something unknown that is there": {"crit": ["x"], "x": 1},
        "crit is empty": {"crit": []},
        "crit is null": {"crit": None},
        "crit is a text": {"crit": "exp"},
        "crit is an object": {"crit": {"b64": True}},
        "crit holds null": {"crit": [None]},
        "crit names alg": {"crit": ["alg"]},
        "crit names exp, which is there": {"crit": ["exp"], "exp": 1},
        "crit names b64, which is true": {"crit": ["b64"], "b64": True},
        "crit names b64, which is false": {"crit": ["b64"], "b64": False},
        "crit names b64, which is missing": {"crit": ["b64"]},
        "b64 is false": {"b64": False},
        "b64 is true": {"b64": True},
        "b64 is the text false": {"b64": "false"},
        "b64 is 0": {"b64": 0},
        "b64 is null": {"b64": None},
    }
    for comment, members in critical.items():
        group.refuse(comment, attack="T6", check="header", header=members)
    others: dict[str, dict[str, Any]] = {
        "zip": {"zip": "DEF"},
        "cty of a nested token": {"cty": "JWT"},
        "cty of anything": {"cty": "json"},
        "enc": {"enc": "A128GCM"},
        "epk": {"epk": {"kty": "EC"}},
        "p2c, which would cost a billion rounds": {"p2c": 1_000_000_000},
        "iss in the header": {"iss": "https://issuer.example"},
        "an unknown parameter": {"x": 1},
        "an empty parameter name": {"": 1},
    }
    for comment, members in others.items():
        group.refuse(comment, attack="T11", check="header", header=members)


def _repeated(group: Group) -> None:
    twice = {
        "alg twice, none first": first_member('"alg":"none"'),
        "alg twice, none last": member('"alg":"none"'),
        "alg twice, both RS256": member('"alg":"RS256"'),
        "alg twice, once in escapes": member(r'"\u0061lg":"none"'),
        "kid twice, the unknown one first": first_member('"kid":"unknown"'),
        "kid twice, the unknown one last": member('"kid":"unknown"'),
        "typ twice, the other one first": first_member('"typ":"JWT"'),
        "typ twice, the other one last": member('"typ":"JWT"'),
    }
    for comment, rewrite in twice.items():
        group.refuse(comment, attack="T8", check="header", rewrite_header=rewrite)
    group.refuse(
        "jwk twice",
        attack="T8",
        check="header",
        rewrite_header=member('"jwk":{"kty":"oct"},"jwk":{"kty":"RSA"}'),
    )
