"""A private key as a JWK, in which other issuers keep theirs."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.errors import KeyUnusableError
from flask_handoff.keys.key_forms import BYTE_ORDER_MARK
from flask_handoff.keys.verification_key import unsigned_integer
from flask_handoff.strict_json import StrictJSONError, load_strict_json


def read_private_jwk(document: bytes) -> rsa.RSAPrivateKey:
    """Read a private RSA key from a JWK, or from a set of one.

    Raises:
        KeyUnusableError: It holds none, or its numbers are not those of one key.

    Source: RFC 7518, section 6.3.2.
    """
    try:
        jwk = load_strict_json(document.removeprefix(BYTE_ORDER_MARK))
    except StrictJSONError as error:
        raise KeyUnusableError(f"the JWK is not strict JSON: {error}") from None
    if isinstance(jwk, dict) and isinstance(jwk.get("keys"), list) and len(jwk["keys"]) == 1:
        [jwk] = jwk["keys"]
    if not isinstance(jwk, dict) or jwk.get("kty") != "RSA":
        raise KeyUnusableError("it is JSON; expected one RSA key as a JWK, or a key in PEM")
    if "d" not in jwk:
        raise KeyUnusableError("the JWK holds a public key alone")
    n, e, d, p, q, dp, dq, qi = (
        unsigned_integer(jwk, name) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
    )
    try:
        numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n))
        return numbers.private_key()
    except ValueError:  # its text may hold a number
        raise KeyUnusableError("the numbers of the JWK are not those of one key") from None
