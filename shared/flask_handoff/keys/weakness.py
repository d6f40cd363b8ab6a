"""RSA keys that look well and can be broken: small, of a bad exponent, or made by a bad generator.

Run once when a key is loaded, never for a token: half a millisecond for 2,048 bits.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from flask_handoff.errors import KeyUnusableError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

MINIMUM_KEY_BITS = 2048
MAXIMUM_KEY_BITS = 4096  # a larger modulus makes each verification slow: a way to tie a server up
PUBLIC_EXPONENT = 65537
FERMAT_ROUNDS = 100  # steps upward from the square root of the modulus


def check_strength(public_key: rsa.RSAPublicKey) -> None:
    """Refuse a public key that is too small, too large, or known to give its factors away.

    Raises:
        KeyUnusableError: Not 2,048 to 4,096 bits, an exponent other than 65537, a factor below 168,
            the ROCA fingerprint (CVE-2017-15361), or two primes so close that Fermat's method
            finds them.

    Sources: RFC 7518, section 3.3 (the least size); "The Return of Coppersmith's Attack" (ACM CCS
    2017, the fingerprint).
    """
    if not MINIMUM_KEY_BITS <= public_key.key_size <= MAXIMUM_KEY_BITS:
        raise KeyUnusableError(
            f"the RSA key has {public_key.key_size} bits, "
            f"expected {MINIMUM_KEY_BITS} to {MAXIMUM_KEY_BITS}"
        )
    numbers = public_key.public_numbers()
    if numbers.e != PUBLIC_EXPONENT:
        raise KeyUnusableError(f"the RSA key's public exponent is not {PUBLIC_EXPONENT}")
    _check_small_factors(numbers.n)
    _check_roca_fingerprint(numbers.n)
    _check_close_primes(numbers.n)


def _check_small_factors(modulus: int) -> None:
    if any(modulus % prime == 0 for prime in _SMALL_PRIMES):
        raise KeyUnusableError("the RSA modulus has a small factor")


def _check_roca_fingerprint(modulus: int) -> None:
    # The flawed generator made each prime as k * M + (65537 ** a mod M), M a product of small
    # primes: the modulus is then a power of 65537 by every one of them. By chance: 1 in 10 ** 8.
    if all(modulus % prime in powers for prime, powers in _POWERS_OF_65537.items()):
        raise KeyUnusableError("the RSA modulus has the ROCA fingerprint (CVE-2017-15361)")


def _check_close_primes(modulus: int) -> None:
    # p * q = a ** 2 - b ** 2 with a = (p + q) / 2: close primes put a just above the square root.
    root = isqrt(modulus) + 1
    for middle in range(root, root + FERMAT_ROUNDS):
        difference = middle * middle - modulus
        if isqrt(difference) ** 2 == difference:
            raise KeyUnusableError("the RSA modulus is the product of two close primes (Fermat)")


def _primes_below(limit: int) -> list[int]:
    return [n for n in range(2, limit) if all(n % divisor for divisor in range(2, isqrt(n) + 1))]


def _powers_modulo(prime: int) -> frozenset[int]:
    return frozenset(pow(PUBLIC_EXPONENT, exponent, prime) for exponent in range(prime - 1))


# 2 * 3 * 5 * ... * 167 divides the M of every key length that the flawed generator offered.
_SMALL_PRIMES = _primes_below(168)
_POWERS_OF_65537 = {prime: _powers_modulo(prime) for prime in _SMALL_PRIMES}
