"""Key sets that must not verify a token which is good in every other way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vectors.book import KID, Group, by, jwks
from vectors.jose import base64url, compact_json, ec_jwk, hs, public_forms, rs, rsa_jwk
from vectors.seeded_keys import (
    CLOSE_PRIMES,
    EXPONENT_3,
    ISSUER,
    LONG_4104,
    ROCA,
    SHORT_1024,
    SHORT_2047,
    STRANGER,
)

_BESIDE = rsa_jwk(STRANGER, "another-key")  # a good one, so that the set as a whole is good


def keys() -> Group:
    """Return the group."""
    group = Group(
        "keys", "Key sets whose key must not be used. The token is good, and signed by that key."
    )
    _meant_for_something_else(group)
    _misspelt(group)
    _weak(group)
    _secret(group)
    _sets(group)
    return group


def _not_used(group: Group, attack: str, comment: str, jwk: Mapping[str, object]) -> None:
    name = group.keys(comment, jwks(_BESIDE, jwk))
    group.refuse(comment, attack=attack, check="key", keys=name)


def _meant_for_something_else(group: Group) -> None:
    algorithms: tuple[Any, ...] = (
        *("RS384", "RS512", "PS256", "PS512", "ES256", "HS256", "none", "RSA-OAEP", "rs256", ""),
        *(["RS256"], 256, True, None),
    )
    for alg in algorithms:
        comment = f"alg of the key is {compact_json(alg).decode()}"
        comment += ", in small letters" if alg == "rs256" else ", empty" if alg == "" else ""
        comment += ", in a list" if isinstance(alg, list) else ""
        _not_used(group, "T4", comment, rsa_jwk(ISSUER, KID, alg=alg))
    purposes: tuple[Any, ...] = ("enc", "SIG", "", "sig enc", ["sig"], None, True)
    for number, use in enumerate(purposes, 1):
        comment = f"use of the key is wrong, {number}: {compact_json(use).decode()}"
        _not_used(group, "K3", comment, rsa_jwk(ISSUER, KID, use=use))
    operations: tuple[Any, ...] = (["sign"], ["encrypt"], [], "verify", {"verify": 1}, None)
    for number, key_ops in enumerate(operations, 1):
        comment = f"key_ops of the key are wrong, {number}: {compact_json(key_ops).decode()}"
        _not_used(group, "K3", comment, rsa_jwk(ISSUER, KID, key_ops=key_ops))
    types: tuple[Any, ...] = ("EC", "oct", "rsa", "RSA2", "", None, ["RSA"])
    for number, kty in enumerate(types, 1):
        comment = f"kty of the key is wrong, {number}: {compact_json(kty).decode()}"
        _not_used(group, "T4", comment, rsa_jwk(ISSUER, KID, kty=kty))
    _not_used(group, "T4", "the kid is an EC key's", ec_jwk(KID, alg="ES256", use="sig"))
    _not_used(
        group, "T4", "the kid is an EC key's that calls itself RS256", ec_jwk(KID, alg="RS256")
    )


def _misspelt(group: Group) -> None:
    good = rsa_jwk(ISSUER, KID)
    n = ISSUER.modulus.to_bytes(256, "big")
    members: dict[str, dict[str, Any]] = {
        "n with padding": {"n": base64url(n) + "=="},
        "n with a zero in front": {"n": base64url(b"\0" + n)},
        "n in the other base64 alphabet": {"n": "+/" + base64url(n)[2:]},
        "n with a line break": {"n": base64url(n) + "\n"},
        "n in decimal digits": {"n": str(ISSUER.modulus)},
        "n as a number": {"n": 65537},
        "n is empty": {"n": ""},
        "n is null": {"n": None},
        "n is even": {"n": base64url((ISSUER.modulus + 1).to_bytes(256, "big"))},
        "e with zeros in front": {"e": "AAEAAQ"},
        "e with padding": {"e": "AQAB="},
        "e as a number": {"e": 65537},
        "e is 1": {"e": "AQ"},
        "e is 2": {"e": "Ag"},
        "e is empty": {"e": ""},
        "e is as long as n": {"e": base64url((ISSUER.modulus - 2).to_bytes(256, "big"))},
        "kid of the key is null": {"kid": None},
        "kid of the key is a number": {"kid": 1},
        "kid of the key is a list": {"kid": [KID]},
        "kid of the key has a space behind": {"kid": KID + " "},
        "kid of the key is in capitals": {"kid": KID.upper()},
    }
    for comment, changes in members.items():
        _not_used(group, "T4", comment, {**good, **changes})
    for member in ("kty", "n", "e", "kid"):
        jwk = {name: value for name, value in good.items() if name != member}
        _not_used(group, "T4", f"the key has no {member}", jwk)


def _weak(group: Group) -> None:
    weak = {
        "1,024 bits": (SHORT_1024, "K1", "form"),
        "2,047 bits": (SHORT_2047, "K1", "key"),
        "4,104 bits": (LONG_4104, "K2", "form"),
        "an exponent of 3": (EXPONENT_3, "K2", "key"),
        "the ROCA fingerprint": (ROCA, "K2", "key"),
        "two close primes": (CLOSE_PRIMES, "K2", "key"),
    }
    for comment, (key, attack, check) in weak.items():
        name = group.keys(f"a key of {comment}", jwks(_BESIDE, rsa_jwk(key, KID)))
        group.refuse(
            f"signed by a key of {comment}", attack=attack, check=check, keys=name, sign=by(key)
        )


def _secret(group: Group) -> None:
    d = base64url(ISSUER.private_exponent.to_bytes(256, "big"))
    _not_used(group, "K5", "the key holds its private exponent", rsa_jwk(ISSUER, KID, d=d))
    _not_used(group, "K5", "the key holds a prime", rsa_jwk(ISSUER, KID, p="AQAB"))
    _not_used(group, "K5", "the key holds an empty private member", rsa_jwk(ISSUER, KID, d=""))
    for form in ("the PEM", "the JWK"):
        secret = public_forms(ISSUER, KID)[form]
        oct_key = {"kty": "oct", "kid": KID, "alg": "HS256", "k": base64url(secret)}
        name = group.keys(f"a symmetric key of {form}", jwks(_BESIDE, oct_key))
        group.refuse(
            f"HS256 by a published symmetric key of {form}",
            attack="K5",
            check="form",
            keys=name,
            header={"alg": "HS256"},
            sign=hs("256", secret),
        )
    name = group.keys("a key for RS512", jwks(_BESIDE, rsa_jwk(ISSUER, KID, alg="RS512")))
    group.refuse(
        "RS512 by a key for RS512",
        attack="T3",
        check="header",
        keys=name,
        header={"alg": "RS512"},
        sign=rs("512", ISSUER),
    )


def _sets(group: Group) -> None:
    good, stranger = rsa_jwk(ISSUER, KID), rsa_jwk(STRANGER, KID)
    good_text = compact_json(good).decode()
    sets = {
        "two keys of one kid, the right one first": ("K4", jwks(good, stranger)),
        "two keys of one kid, the right one last": ("K4", jwks(stranger, good)),
        "the same key twice": ("K4", jwks(good, good)),
        "17 keys": ("K6", jwks(good, *(rsa_jwk(STRANGER, f"key-{n}") for n in range(16)))),
        "no key": ("K6", jwks()),
        "a set that is null": ("K6", "null"),
        "a set that is a list": ("K6", f"[{good_text}]"),
        "a set that is the bare key": ("K6", good_text),
        "keys that are null": ("K6", '{"keys":null}'),
        "keys that are an object": ("K6", f'{{"keys":{{"{KID}":{good_text}}}}}'),
        "a key that is null beside the right one": ("K6", f'{{"keys":[null,{good_text}]}}'),
        "a page": ("K6", "<!doctype html><title>Sign in</title>"),
        "nothing": ("K6", ""),
        "a byte order mark": ("K6", "\ufeff" + jwks(good)),
        "keys twice": ("K6", f'{{"keys":[],"keys":[{good_text}]}}'),
        "a member of the key twice": ("K6", f'{{"keys":[{good_text[:-1]},"alg":"RS256"}}]}}'),
        "NaN": ("K6", f'{{"keys":[{good_text[:-1]},"x":NaN}}]}}'),
        "900 levels": ("K6", f'{{"keys":[{good_text[:-1]},"x":{"[" * 900 + "]" * 900}}}]}}'),
    }
    for comment, (attack, document) in sets.items():
        group.refuse(
            f"the key set is wrong as a whole: {comment}",
            attack=attack,
            check="key",
            code="jwks_malformed",
            keys=group.keys(comment, document),
        )
