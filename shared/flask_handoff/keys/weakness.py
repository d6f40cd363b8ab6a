"""RSA keys that look well and can be broken: small, of a bad exponent, or made by a bad generator.

Run once for each new key, never for a token: 20 milliseconds for 2,048 bits.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import gcd, isqrt, prod
from typing import TYPE_CHECKING

from flask_handoff.errors import KeyUnusableError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

MINIMUM_KEY_BITS = 2048
MAXIMUM_KEY_BITS = 4096  # a larger modulus makes each verification slow: a way to tie a server up
PUBLIC_EXPONENT = 65537
FERMAT_ROUNDS = 100  # steps upward from the square root of the modulus
LARGEST_SMALL_FACTOR = 65537
LEAST_SHARE, MOST_SHARE = 0.4, 0.6  # of a modulus's bits that are set; by chance: 1 in 10 ** 18
_KNOWN_GOOD = 64  # moduli that are remembered, so that a renewal does not check them again


def check_strength(public_key: rsa.RSAPublicKey) -> None:
    """Refuse a public key that is too small, too large, or known to give its factors away.

    Raises:
        KeyUnusableError: Not 2,048 to 4,096 bits, an exponent other than 65537, a factor up to
            65537, the ROCA fingerprint (CVE-2017-15361), two primes that are equal or so close
            that Fermat's method finds them, one prime only, or far too few or many bits set.

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
    _check_modulus(numbers.n)


@lru_cache(maxsize=_KNOWN_GOOD)
def _check_modulus(modulus: int) -> None:
    _check_roca_fingerprint(modulus)
    _check_close_primes(modulus)
    _check_small_factors(modulus)
    _check_bits(modulus)
    _check_is_no_prime(modulus)


def _check_small_factors(modulus: int) -> None:
    if gcd(modulus, _product_of_small_primes() % modulus) != 1:
        raise KeyUnusableError("the RSA modulus has a small factor")


def _check_roca_fingerprint(modulus: int) -> None:
    # The flawed generator made each prime as k * M + (65537 ** a mod M), M a product of small
    # primes: the modulus is then a power of 65537 by every one of them. By chance: 1 in 10 ** 8.
    if all(modulus % prime in powers for prime, powers in _POWERS_OF_65537.items()):
        raise KeyUnusableError("the RSA modulus has the ROCA fingerprint (CVE-2017-15361)")


def _check_close_primes(modulus: int) -> None:
    # p * q = a ** 2 - b ** 2 with a = (p + q) / 2: close primes put a just above the square root,
    # and two equal ones on it.
    root = isqrt(modulus)
    for middle in range(root + (root * root < modulus), root + FERMAT_ROUNDS + 1):
        difference = middle * middle - modulus
        if isqrt(difference) ** 2 == difference:
            raise KeyUnusableError("the RSA modulus is the product of two close primes (Fermat)")


def _check_bits(modulus: int) -> None:
    # Primes with many zeros in step are a polynomial's values, and polynomials are soon factored.
    share = modulus.bit_count() / modulus.bit_length()
    if not LEAST_SHARE < share < MOST_SHARE:
        raise KeyUnusableError("the RSA modulus is not of random primes: too few or many bits set")


def _check_is_no_prime(modulus: int) -> None:
    # Of one prime only, anybody can compute the private exponent. By Fermat's little theorem, in
    # small steps: pow() would keep every other thread waiting for a tenth of a second.
    power = 1
    for bit in f"{modulus - 1:b}":
        power = (power * power << (bit == "1")) % modulus
    if power == 1:
        raise KeyUnusableError("the RSA modulus is a prime, not the product of two")


def _primes_up_to(limit: int) -> list[int]:
    sieve = bytearray([1]) * (limit + 1)
    for number in range(2, isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(sieve[number * number :: number]))
    return [number for number in range(2, limit + 1) if sieve[number]]


@cache
def _product_of_small_primes() -> int:
    return prod(_primes_up_to(LARGEST_SMALL_FACTOR))


# 2 * 3 * 5 * ... * 167 divides the M of every key length that the flawed generator offered.
_POWERS_OF_65537 = {
    prime: {pow(PUBLIC_EXPONENT, exponent, prime) for exponent in range(prime - 1)}
    for prime in _primes_up_to(167)
}
