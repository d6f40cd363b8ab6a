"""One public key that verifies RS256 signatures, read from a JWK and written as one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff import base64url
from flask_handoff.errors import KeyUnusableError

from .weakness import PUBLIC_EXPONENT, check_strength

_KID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,684}")  # 4,096 bits take 683 characters
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public RSA key and its name; it exists only when it is fit to verify RS256.

    Args:
        kid: 1 to 64 characters of ``A-Z a-z 0-9 . _ -``.
        public_key: 2,048 to 4,096 bits, public exponent 65537.

    Raises:
        KeyUnusableError: The name is not of its form, or the key is weak.
    """

    kid: str
    public_key: rsa.RSAPublicKey

    def __post_init__(self) -> None:
        self._check_name()
        check_strength(self.public_key)

    def _check_name(self) -> None:
        if _KID.fullmatch(self.kid) is None:
            raise KeyUnusableError("the kid is not 1 to 64 letters, digits, dots and dashes")

    @classmethod
    def from_jwk(cls, unverified_jwk: Mapping[str, object]) -> Self:
        """Read one entry of a JWK Set.

        Raises:
            KeyUnusableError: Private, not RSA, meant for something other than RS256 signatures,
                without ``kid``, numbers not in canonical base64url, or weak.

        Sources: RFC 7517, sections 4.1 to 4.5; RFC 7518, sections 6.3.1 and 6.3.2.
        """
        if holds_a_secret(unverified_jwk):
            raise KeyUnusableError("the JWK holds private or symmetric key material")
        if not is_meant_for_rs256(unverified_jwk):
            raise KeyUnusableError("the JWK is not an RSA key for RS256 signatures")
        kid = unverified_jwk.get("kid")
        if not isinstance(kid, str):
            raise KeyUnusableError("the JWK has no kid")
        modulus = unsigned_integer(unverified_jwk, "n")
        if unsigned_integer(unverified_jwk, "e") != PUBLIC_EXPONENT:
            raise KeyUnusableError(f"the RSA key's public exponent is not {PUBLIC_EXPONENT}")
        try:
            public_key = rsa.RSAPublicNumbers(PUBLIC_EXPONENT, modulus).public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise KeyUnusableError("the JWK's n and e are not an RSA public key") from None
        return cls(kid, public_key)

    @classmethod
    def from_public_key(cls, public_key: rsa.RSAPublicKey) -> Self:
        """Name a key by its RFC 7638 thumbprint.

        Raises:
            KeyUnusableError: The key is weak.
        """
        return cls(thumbprint(public_key), public_key)

    def to_jwk(self) -> dict[str, str]:
        """Write the key as a JWK: ``kty``, ``n``, ``e``, ``kid``, ``use``, ``alg``, nothing else.

        Source: RFC 7517, section 4.
        """
        members = _required_members(self.public_key)
        return {**members, "kid": self.kid, "use": "sig", "alg": "RS256"}

    @property
    def signature_length(self) -> int:
        """Count the base64url characters of a signature by this key: 342 for 2,048 bits.

        Source: RFC 8017, section 8.2.1: a signature has as many octets as the modulus.
        """
        octets = (self.public_key.key_size + 7) // 8
        return (octets * 8 + 5) // 6


def thumbprint(public_key: rsa.RSAPublicKey) -> str:
    """Compute a key's SHA-256 thumbprint: 43 base64url characters.

    Source: RFC 7638, section 3.
    """
    canonical = json.dumps(_required_members(public_key), sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode("ascii")).digest())


def holds_a_secret(unverified_jwk: Mapping[str, object]) -> bool:
    """Tell whether a JWK carries a member that only its owner may see.

    Source: RFC 7518, sections 6.2.2, 6.3.2 and 6.4.
    """
    return unverified_jwk.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(unverified_jwk)


def is_meant_for_rs256(unverified_jwk: Mapping[str, object]) -> bool:
    """Tell whether a JWK's type, algorithm and purpose allow it to verify RS256.

    Source: RFC 7517, sections 4.1 to 4.4.
    """
    operations = unverified_jwk.get("key_ops", ["verify"])
    return (
        unverified_jwk.get("kty") == "RSA"
        and unverified_jwk.get("alg", "RS256") == "RS256"
        and unverified_jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _required_members(public_key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = public_key.public_numbers()
    return {"kty": "RSA", "n": _base64url_integer(numbers.n), "e": _base64url_integer(numbers.e)}


def _base64url_integer(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def unsigned_integer(unverified_jwk: Mapping[str, object], member: str) -> int:
    """Read a number of a JWK: the fewest octets, no padding. One number has one spelling.

    Raises:
        KeyUnusableError: It is missing, or not of that form.

    Source: RFC 7518, section 2.
    """
    text = unverified_jwk.get(member)
    if isinstance(text, str) and _BASE64URL.fullmatch(text):
        with suppress(ValueError):
            number = int.from_bytes(base64url.decode(text), "big")
            if _base64url_integer(number) == text:
                return number
    raise KeyUnusableError(f"the JWK's {member} is not a canonical base64url integer")
