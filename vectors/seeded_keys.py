"""Test keys, and nothing but test keys: anybody can compute them from this file.

The private keys are derived from a seed, so that no private key lies in the repository and every
run makes the same tokens. Never use one of them for anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from math import gcd, prod

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SEED = "flask-handoff test vectors, not secret"

_SMALL_PRIMES = [n for n in range(2, 2000) if all(n % d for d in range(2, int(n**0.5) + 1))]
# What the flawed generator of CVE-2017-15361 built its primes around.
_ROCA_PRODUCT = prod(prime for prime in _SMALL_PRIMES if prime <= 167)

Candidate = Callable[["SeededRSAKey", str, int], int]


def _random(key: SeededRSAKey, part: str, index: int) -> int:
    bits = key.bits // 2 + (key.bits % 2 if part == "p" else 0)
    octets = b"".join(
        hashlib.sha256(f"{SEED}/{key.name}/{part}/{index}/{block}".encode()).digest()
        for block in range(-(-bits // 256))
    )
    number = int.from_bytes(octets, "big") >> (len(octets) * 8 - bits)
    return number | (0b11 << (bits - 2)) | 1  # the two highest bits: the product has all its bits


def _roca(key: SeededRSAKey, part: str, index: int) -> int:
    start = _random(key, part, 0)
    return start - start % _ROCA_PRODUCT + pow(65537, index + 1, _ROCA_PRODUCT)


def _close(key: SeededRSAKey, part: str, index: int) -> int:
    return key.p + 2 * (index + 1) if part == "q" else _random(key, part, index)


@dataclass(frozen=True, slots=True)
class SeededRSAKey:
    """An RSA key whose two primes are the candidates with these numbers.

    Args:
        name: Goes into the seed.
        bits: Of the modulus.
        indices: The numbers of the candidates for p and q, as ``find_indices`` found them.
        exponent: The public one.
        candidate: Makes the candidate of a number.
    """

    name: str
    bits: int
    indices: tuple[int, int]
    exponent: int = 65537
    candidate: Candidate = _random

    @property
    def p(self) -> int:
        """The first prime."""
        return self.candidate(self, "p", self.indices[0])

    @property
    def q(self) -> int:
        """The second prime."""
        return self.candidate(self, "q", self.indices[1])

    @property
    def modulus(self) -> int:
        """The product of the primes."""
        return self.p * self.q

    @property
    def private_exponent(self) -> int:
        """What signs."""
        return pow(self.exponent, -1, (self.p - 1) * (self.q - 1))

    @property
    def octets(self) -> int:
        """The length of a signature."""
        return (self.bits + 7) // 8

    def private_key(self) -> rsa.RSAPrivateKey:
        """Return the key, after OpenSSL has looked at its primes."""
        return _private_key(self)

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the public half."""
        return self.private_key().public_key()


ISSUER = SeededRSAKey("issuer", 2048, (347, 148))
ISSUER_3072 = SeededRSAKey("issuer-3072", 3072, (1503, 128))
ISSUER_4096 = SeededRSAKey("issuer-4096", 4096, (1409, 744))
STRANGER = SeededRSAKey("stranger", 2048, (480, 623))
SHORT_1024 = SeededRSAKey("short-1024", 1024, (138, 12))
SHORT_2047 = SeededRSAKey("short-2047", 2047, (105, 451))
LONG_4104 = SeededRSAKey("long-4104", 4104, (163, 1704))
EXPONENT_3 = SeededRSAKey("exponent-3", 2048, (29, 1297), exponent=3)
ROCA = SeededRSAKey("roca", 2048, (236, 119), candidate=_roca)
CLOSE_PRIMES = SeededRSAKey("close-primes", 2048, (361, 520), candidate=_close)
RSA_KEYS = (
    *(ISSUER, ISSUER_3072, ISSUER_4096, STRANGER, SHORT_1024, SHORT_2047, LONG_4104),
    *(EXPONENT_3, ROCA, CLOSE_PRIMES),
)


@cache
def _private_key(key: SeededRSAKey) -> rsa.RSAPrivateKey:
    d = key.private_exponent
    return rsa.RSAPrivateNumbers(
        key.p,
        key.q,
        d,
        rsa.rsa_crt_dmp1(d, key.p),
        rsa.rsa_crt_dmq1(d, key.q),
        rsa.rsa_crt_iqmp(key.p, key.q),
        rsa.RSAPublicNumbers(key.exponent, key.modulus),
    ).private_key()


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return the key of tokens that claim ES256."""
    number = int.from_bytes(hashlib.sha256(f"{SEED}/ec".encode()).digest(), "big")
    return ec.derive_private_key(number >> 1, ec.SECP256R1())


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """Return the key of tokens that claim EdDSA."""
    octets = hashlib.sha256(f"{SEED}/ed25519".encode()).digest()
    return ed25519.Ed25519PrivateKey.from_private_bytes(octets)


def find_indices(key: SeededRSAKey) -> Iterator[int]:
    """Search the first candidates for p and q that are prime; seconds to minutes."""
    found: list[int] = []
    for part in ("p", "q"):
        for index in count():
            indices = (found[0], index) if found else (index, 0)
            trial = replace(key, indices=indices)
            number = key.candidate(trial, part, index)
            if _is_prime(number) and gcd(key.exponent, number - 1) == 1:
                found.append(index)
                yield index
                break


def _is_prime(number: int) -> bool:
    if any(number % prime == 0 for prime in _SMALL_PRIMES):
        return False
    # No adversary chose these numbers: bases from a list tell a composite one, OpenSSL agrees.
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7))
