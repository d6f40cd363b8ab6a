import base64
import json
import logging
import random
from functools import cache
from itertools import count
from math import gcd, isqrt, prod

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from flask_handoff.errors import JWKSMalformedError, KeyUnusableError
from flask_handoff.keys import VerificationKey, parse_jwks, thumbprint
from tests.stopwatch import slowdown

ABSENT = object()
RFC_7638_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def base64url_integer(number):
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def public_key_of(modulus, exponent=65537):
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def without_small_factors(number):
    return next(n for n in count(number | 1, 2) if all(n % prime for prime in primes(46)))


def primes(how_many):
    found: list[int] = []
    for number in count(2):
        if len(found) == how_many:
            return found
        if all(number % prime for prime in found):
            found.append(number)


def random_modulus(bits):
    """A modulus that looks like a product of random primes, whatever its factors are."""
    dice = random.Random(bits)  # noqa: S311 - a number for a test
    while True:
        number = dice.getrandbits(bits) | 1 << (bits - 1) | 1
        if gcd(number, small_primes() % number) == 1:
            return number


@cache
def small_primes():
    """The product of all primes up to 65537."""
    return prod(
        n for n in range(2, 65538) if all(n % divisor for divisor in range(2, isqrt(n) + 1))
    )


def roca_modulus(bits, primes_in_the_product):
    # The flawed generator's form. That the two factors are prime too does not matter to the mark.
    product = prod(primes(primes_in_the_product))
    start = (3 << (bits // 2 - 2)) // product
    factors = [(start + k) * product + pow(65537, a, product) for k, a in ((7, 12345), (99, 54321))]
    assert factors[0].bit_length() == factors[1].bit_length() == bits // 2
    return prod(factors)


def close_factors_modulus(difference):
    factor = without_small_factors(3 << 1022)
    return factor * without_small_factors(factor + difference)


@pytest.fixture(scope="session")
def jwk(private_key):
    return VerificationKey.from_public_key(private_key.public_key()).to_jwk()


@pytest.fixture(scope="session")
def other_jwk(other_private_key):
    return VerificationKey.from_public_key(other_private_key.public_key()).to_jwk()


def changed(jwk, **members):
    return {name: value for name, value in (jwk | members).items() if value is not ABSENT}


def jwks(*entries):
    return json.dumps({"keys": entries}).encode()


def test_the_thumbprint_is_that_of_the_standards_example():
    modulus = int.from_bytes(base64.urlsafe_b64decode(RFC_7638_MODULUS + "=="), "big")
    assert thumbprint(public_key_of(modulus)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_standards_example_key_is_read_with_the_kid_it_carries():
    entry = {"kty": "RSA", "n": RFC_7638_MODULUS, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert VerificationKey.from_jwk(entry).kid == "2011-04-29"


def test_a_jwk_is_written_with_exactly_the_public_members(jwk):
    assert set(jwk) == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_jwk_that_was_written_is_read_as_the_same_key(jwk, private_key):
    assert VerificationKey.from_jwk(jwk) == VerificationKey.from_public_key(
        private_key.public_key()
    )


@pytest.mark.parametrize(
    "members",
    [
        {"alg": ABSENT},
        {"use": ABSENT},
        {"alg": ABSENT, "use": ABSENT, "key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"kid": "a"},
        {"kid": "A.b_c-9" * 9},
        {"x5t": "unknown members are no fault"},
    ],
)
def test_what_the_standard_leaves_open_is_accepted(jwk, members):
    VerificationKey.from_jwk(changed(jwk, **members))


@pytest.mark.parametrize(
    "members",
    [
        {"kty": "EC"},
        {"kty": "rsa"},
        {"kty": ABSENT},
        {"kty": ["RSA"]},
        {"alg": "PS256"},
        {"alg": "RS512"},
        {"alg": "none"},
        {"alg": None},
        {"alg": ["RS256"]},
        {"use": "enc"},
        {"use": None},
        {"key_ops": []},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"key_ops": {"verify": True}},
    ],
)
def test_a_key_for_another_purpose_is_refused(jwk, members):
    with pytest.raises(KeyUnusableError, match="RS256"):
        VerificationKey.from_jwk(changed(jwk, **members))


@pytest.mark.parametrize(
    "kid", [ABSENT, None, 7, "", "k" * 65, "../../dev/null", "a b", "kid\n", "ключ", "a\0"]
)
def test_a_key_without_a_proper_kid_is_refused(jwk, kid):
    with pytest.raises(KeyUnusableError, match="kid"):
        VerificationKey.from_jwk(changed(jwk, kid=kid))


@pytest.mark.parametrize("member", PRIVATE_MEMBERS)
def test_a_private_member_makes_a_key_unusable(jwk, member):
    with pytest.raises(KeyUnusableError, match="private"):
        VerificationKey.from_jwk(changed(jwk, **{member: "AQAB"}))


OTHER_SPELLINGS = {
    "padded": lambda n: n + "==",
    "newline": lambda n: n + "\n",
    "leading space": lambda n: " " + n,
    "stray last bits": lambda n: n[:-1] + chr(ord(n[-1]) + 1),
    "leading zero": lambda n: base64url(b"\0" + base64.urlsafe_b64decode(n + "==")),
    "other alphabet": lambda n: n[:9] + "+/" + n[11:],
    "impossible length": lambda n: n[:341],
    "empty": lambda n: "",
    "number": lambda n: int.from_bytes(base64.urlsafe_b64decode(n + "==")),
    "absent": lambda n: ABSENT,
}


@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
def test_a_modulus_has_one_spelling(jwk, spelling):
    with pytest.raises(KeyUnusableError, match="canonical"):
        VerificationKey.from_jwk(changed(jwk, n=OTHER_SPELLINGS[spelling](jwk["n"])))


@pytest.mark.parametrize("exponent", [1, 2, 3, 17, 65535, 65539, 2**2047 + 1])
def test_an_exponent_other_than_65537_is_refused(jwk, exponent):
    with pytest.raises(KeyUnusableError, match="exponent"):
        VerificationKey.from_jwk(changed(jwk, e=base64url_integer(exponent)))


def test_a_public_key_of_exponent_3_is_refused():
    with pytest.raises(KeyUnusableError, match="exponent"):
        VerificationKey.from_public_key(public_key_of(without_small_factors(1 << 2047), 3))


@pytest.mark.parametrize("bits", [1024, 1536])
def test_a_generated_key_of_fewer_bits_is_refused(bits):
    public_key = rsa.generate_private_key(65537, bits).public_key()
    with pytest.raises(KeyUnusableError, match=f"{bits} bits, expected 2048 to 4096"):
        VerificationKey.from_public_key(public_key)


@pytest.mark.parametrize("bits", [2048, 2049, 3072, 4096])
def test_a_key_of_2048_to_4096_bits_is_accepted(jwk, bits):
    modulus = base64url_integer(random_modulus(bits))
    assert VerificationKey.from_jwk(changed(jwk, n=modulus)).public_key.key_size == bits


@pytest.mark.parametrize("bits", [512, 2047, 4097, 16384])
def test_a_key_of_fewer_or_more_bits_is_refused(jwk, bits):
    modulus = base64url_integer(without_small_factors(1 << (bits - 1)))
    with pytest.raises(KeyUnusableError):
        VerificationKey.from_jwk(changed(jwk, n=modulus))


@pytest.mark.parametrize(
    ("bits", "primes_in_the_product"), [(2048, 39), (2048, 126), (3072, 126), (4096, 225)]
)
def test_a_key_with_the_roca_fingerprint_is_refused(bits, primes_in_the_product):
    public_key = public_key_of(roca_modulus(bits, primes_in_the_product))
    with pytest.raises(KeyUnusableError, match="ROCA"):
        VerificationKey.from_public_key(public_key)


@pytest.mark.parametrize("difference", [2, 1 << 64, 1 << 512, 20 << 512])
def test_a_key_of_two_close_primes_is_refused(difference):
    public_key = public_key_of(close_factors_modulus(difference))
    with pytest.raises(KeyUnusableError, match="close"):
        VerificationKey.from_public_key(public_key)


def test_a_key_of_one_prime_taken_twice_is_refused(private_key):
    prime = private_key.private_numbers().p
    with pytest.raises(KeyUnusableError, match="close"):
        VerificationKey.from_public_key(public_key_of(prime * prime))


def test_a_key_of_a_single_prime_is_refused():
    prime = rsa.generate_private_key(65537, 4096).private_numbers().p
    with pytest.raises(KeyUnusableError, match="is a prime"):
        VerificationKey.from_public_key(public_key_of(prime))


@pytest.mark.parametrize("factor", [3, 5, 167, 173, 65537])
def test_a_key_with_a_small_factor_is_refused(factor):
    public_key = public_key_of(factor * random_modulus(2047))
    with pytest.raises(KeyUnusableError, match="small factor"):
        VerificationKey.from_public_key(public_key)


@pytest.mark.parametrize("inverted", [False, True], ids=["zeros", "ones"])
def test_a_key_whose_modulus_is_mostly_zeros_or_ones_is_refused(inverted):
    # As a generator makes them that fills only some bits of each word with random ones.
    sparse = int.from_bytes(b"\x80" + b"\x00\x01\x12" * 85, "big")
    number = next(
        n
        for n in count(sparse ^ ((1 << 2047) - 1) if inverted else sparse, 1)
        if n % 2 and gcd(n, small_primes() % n) == 1
    )
    with pytest.raises(KeyUnusableError, match="bits set"):
        VerificationKey.from_public_key(public_key_of(number))


def test_a_key_that_was_found_good_is_not_checked_again(private_key):
    public_key = private_key.public_key()
    fresh = [rsa.generate_private_key(65537, 2048).public_key() for _ in range(3)]
    VerificationKey.from_public_key(public_key)

    def again():
        for _ in range(100):
            VerificationKey("again", public_key)

    assert slowdown(again, lambda: VerificationKey("new", fresh.pop()), bound=1, tries=3) < 1


def test_a_modulus_that_is_zero_tiny_or_even_is_refused(jwk):
    for modulus in ("AA", "Aw", base64url_integer(1 << 2047)):
        with pytest.raises(KeyUnusableError):
            VerificationKey.from_jwk(changed(jwk, n=modulus))


def test_the_signature_length_is_that_of_a_real_signature(private_key):
    signature = private_key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    key = VerificationKey.from_public_key(private_key.public_key())
    assert key.signature_length == len(base64url(signature))


@pytest.mark.parametrize(
    ("bits", "characters"), [(2048, 342), (2049, 343), (2064, 344), (4096, 683)]
)
def test_the_signature_length_follows_the_size_of_the_key(bits, characters):
    public_key = public_key_of(random_modulus(bits))
    assert VerificationKey.from_public_key(public_key).signature_length == characters


def test_a_key_set_gives_its_keys_by_kid(jwk, other_jwk):
    keys = parse_jwks(jwks(jwk, other_jwk))
    assert {kid: key.to_jwk() for kid, key in keys.items()} == {
        jwk["kid"]: jwk,
        other_jwk["kid"]: other_jwk,
    }


def test_other_members_of_a_key_set_are_no_fault(jwk):
    assert parse_jwks(json.dumps({"keys": [jwk], "issuer": "x"}).encode())


@pytest.mark.parametrize(
    "members", [{"kty": "EC"}, {"kty": "AKP"}, {"use": "enc"}, {"alg": "PS512"}, {"key_ops": []}]
)
def test_a_key_for_another_purpose_is_left_aside(jwk, other_jwk, caplog, members):
    assert set(parse_jwks(jwks(changed(other_jwk, **members), jwk))) == {jwk["kid"]}
    assert caplog.records == []


def test_a_key_for_another_purpose_may_share_the_kid_of_a_usable_one(jwk):
    assert set(parse_jwks(jwks(changed(jwk, use="enc"), jwk))) == {jwk["kid"]}


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "d": "secret-material"},
        {"kty": "EC", "kid": "a", "crv": "P-256", "x": "AA", "y": "AA", "d": "secret-material"},
        {"kty": "oct", "kid": "a", "k": "secret-material"},
        {"kty": "oct", "kid": "secret-material"},
    ],
)
def test_secret_material_is_dropped_with_an_alert_that_does_not_repeat_it(jwk, caplog, entry):
    assert set(parse_jwks(jwks(entry, jwk))) == {jwk["kid"]}
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("flask_handoff", logging.ERROR)
    ]
    assert "secret-material" not in caplog.text


def test_a_weak_key_is_dropped_with_a_warning(jwk, caplog):
    weak_key = public_key_of(without_small_factors(1 << 1023))
    weak = changed(
        jwk, kid="weak", n=base64url_integer(weak_key.public_numbers().n), use=ABSENT, alg=ABSENT
    )
    assert set(parse_jwks(jwks(weak, jwk))) == {jwk["kid"]}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "1024 bits" in caplog.text


@pytest.mark.parametrize("members", [{}, {"d": "AQAB"}, {"n": "AQAB"}])
def test_two_keys_of_one_kid_refuse_the_whole_set(jwk, other_jwk, members):
    namesake = changed(other_jwk, kid=jwk["kid"], **members)
    for entries in ([jwk, namesake], [namesake, jwk]):
        with pytest.raises(JWKSMalformedError, match="one kid"):
            parse_jwks(jwks(*entries))


def test_a_set_of_16_entries_is_read_and_one_of_17_is_refused(jwk):
    others = [{"kty": "EC"}] * 15
    assert parse_jwks(jwks(jwk, *others))
    with pytest.raises(JWKSMalformedError, match="16"):
        parse_jwks(jwks(jwk, *others, {"kty": "EC"}))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<!doctype html><title>Signed out</title>",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": "RSA"}',
        b'{"keys": []}',
        b'{"keys": ["RSA"]}',
        b'{"keys": [{"kty": "EC"}]}',
        b'{"keys": [null]}',
        b'{"keys": [], "keys": []}',
        b"\xef\xbb\xbf{}",
        b'{"keys": "\xff"}',
        b"[" * 200_000,
        b'{"keys": ' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_what_is_no_key_set_or_holds_no_usable_key_is_refused(document):
    with pytest.raises(JWKSMalformedError):
        parse_jwks(document)


def test_a_set_with_nothing_but_a_private_key_is_refused(jwk):
    with pytest.raises(JWKSMalformedError, match="no usable"):
        parse_jwks(jwks(changed(jwk, d="AQAB")))


def test_a_public_key_of_another_kind_has_no_way_in(jwk):
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    entry = {
        "kty": "EC",
        "crv": "P-256",
        "x": base64url_integer(numbers.x),
        "y": base64url_integer(numbers.y),
        "kid": "ec",
    }
    assert set(parse_jwks(jwks(entry, jwk))) == {jwk["kid"]}
