"""Other algorithms than RS256, with the issuer's key, its public half, or none at all."""

from __future__ import annotations

from typing import Any

from vectors.book import KID, WITHOUT, Group
from vectors.jose import Sign, always, eddsa, es256, hs, ps, public_forms, rs
from vectors.seeded_keys import ISSUER

_LIKE_A_SIGNATURE = always(bytes(range(256)))


def algorithms() -> Group:
    """Return the group."""
    group = Group("algorithms", "Every other algorithm than RS256, and every trick to get one in.")
    _none(group)
    _not_a_name(group)
    _hmac(group)
    _others_of_the_issuer(group)
    return group


def _none(group: Group) -> None:
    spellings = {
        "none": "none",
        "None": "None with a capital",
        "NONE": "NONE in capitals",
        "nOnE": "nOnE in mixed case",
        "none ": "none and a space",
        "": "an empty text",
    }
    signatures: dict[str, tuple[Sign, str]] = {
        "no signature": (always(b""), "form"),
        "256 octets for a signature": (_LIKE_A_SIGNATURE, "header"),
        "the issuer's signature": (rs("256", ISSUER), "header"),
    }
    for alg, name in spellings.items():
        for what, (sign, check) in signatures.items():
            group.refuse(
                f"alg is {name}, with {what}",
                attack="T1",
                check=check,
                header={"alg": alg},
                sign=sign,
            )


def _not_a_name(group: Group) -> None:
    values: dict[str, Any] = {
        "missing": WITHOUT,
        "null": None,
        "true": True,
        "false": False,
        "0": 0,
        "256": 256,
        "a list": ["RS256"],
        "a list with none": ["RS256", "none"],
        "an object": {"alg": "RS256"},
        "RS256 in small letters": "rs256",
        "RS256 with a space behind": "RS256 ",
        "RS256 with a NUL behind": "RS256\0",
        "RS256 in full-width letters": "\uff32\uff33256",
        "the OID of RS256": "1.2.840.113549.1.1.11",
        "SHA256withRSA": "SHA256withRSA",
        "RSA": "RSA",
        "RSA-OAEP": "RSA-OAEP",
        "dir": "dir",
    }
    for comment, alg in values.items():
        group.refuse(f"alg is {comment}", attack="T1", check="header", header={"alg": alg})


def _hmac(group: Group) -> None:
    for size in ("256", "384", "512"):
        for form, secret in public_forms(ISSUER, KID).items():
            group.refuse(
                f"HS{size} with {form} as the secret",
                attack="T2",
                check="form",
                header={"alg": f"HS{size}"},
                sign=hs(size, secret),
            )
    for form, secret in public_forms(ISSUER, KID).items():
        group.refuse(
            f"alg is RS256, and the signature is an HS256 with {form}",
            attack="T2",
            check="form",
            sign=hs("256", secret),
        )


def _others_of_the_issuer(group: Group) -> None:
    rsa: dict[str, Sign] = {
        "RS384": rs("384", ISSUER),
        "RS512": rs("512", ISSUER),
        "PS256": ps("256", ISSUER),
        "PS384": ps("384", ISSUER),
        "PS512": ps("512", ISSUER),
    }
    for alg, sign in rsa.items():
        group.refuse(
            f"{alg} by the issuer's key",
            attack="T3",
            check="header",
            header={"alg": alg},
            sign=sign,
        )
        group.refuse(
            f"alg is RS256, and the signature is a {alg} by the issuer's key",
            attack="T3",
            check="signature",
            sign=sign,
        )
        group.refuse(
            f"alg is {alg}, and the signature is an RS256 by the issuer's key",
            attack="T3",
            check="header",
            header={"alg": alg},
        )
    for alg, sign in {"ES256": es256, "EdDSA": eddsa}.items():
        group.refuse(
            f"{alg} by another kind of key",
            attack="T3",
            check="form",
            header={"alg": alg},
            sign=sign,
        )
    for alg in ("RS1", "ES256K", "RS256K"):
        group.refuse(f"alg is {alg}", attack="T3", check="header", header={"alg": alg})
