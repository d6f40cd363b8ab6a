"""Writes tokens by hand, well or badly; knows neither the library nor PyJWT.

Every signature is deterministic, so that the same token comes out each time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .seeded_keys import SeededRSAKey, ec_key, ed25519_key

Sign = Callable[[bytes], bytes]
"""Makes a signature over the octets of the first two segments."""

_SHA2: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def base64url(octets: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def compact_json(document: object) -> bytes:
    """Write JSON without spaces, in ASCII."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def rs(size: str, key: SeededRSAKey) -> Sign:
    """RS256, RS384 or RS512 (RFC 7518, section 3.3)."""
    return lambda octets: key.private_key().sign(octets, padding.PKCS1v15(), _SHA2[size]())


def rs256_with(message: Callable[[bytes, int], bytes], key: SeededRSAKey) -> Sign:
    """Sign a message that is padded by hand: from the SHA-256 and the length to the octets."""

    def sign(octets: bytes) -> bytes:
        padded = message(hashlib.sha256(octets).digest(), key.octets)
        return _raw(int.from_bytes(padded, "big"), key)

    return sign


def good_padding(digest: bytes, length: int) -> bytes:
    """Pad as RFC 8017, section 9.2, says: the others are measured by it."""
    end = b"\0" + _SHA256_DIGEST_INFO + digest
    return b"\0\1" + b"\xff" * (length - 2 - len(end)) + end


def ps(size: str, key: SeededRSAKey) -> Sign:
    """PS256, PS384 or PS512 with a salt that is always the same (RFC 8017, section 9.1.1)."""

    def sign(octets: bytes) -> bytes:
        new, bits = getattr(hashlib, f"sha{size}"), key.bits - 1
        length = (bits + 7) // 8
        salt = new(b"salt of the test vectors").digest()
        seal = new(bytes(8) + new(octets).digest() + salt).digest()
        block = bytes(length - 2 * len(salt) - 2) + b"\1" + salt
        mask = _mgf1(seal, len(block), size)
        masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
        masked[0] &= 0xFF >> (8 * length - bits)
        return _raw(int.from_bytes(bytes(masked) + seal + b"\xbc", "big"), key)

    return sign


def hs(size: str, secret: bytes) -> Sign:
    """HS256, HS384 or HS512."""
    return lambda octets: hmac.digest(secret, octets, f"sha{size}")


def es256(octets: bytes) -> bytes:
    """ES256 with the nonce of RFC 6979."""
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(ec_key().sign(octets, algorithm))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def eddsa(octets: bytes) -> bytes:
    """EdDSA with Ed25519."""
    return ed25519_key().sign(octets)


def always(signature: bytes) -> Sign:
    """Whatever is signed, this stands in the signature's place."""
    return lambda _octets: signature


def rsa_jwk(key: SeededRSAKey, kid: str, **members: object) -> dict[str, object]:
    """Write a public key as a JWK."""
    return {
        "kty": "RSA",
        "n": base64url(key.modulus.to_bytes(key.octets, "big")),
        "e": base64url(key.exponent.to_bytes((key.exponent.bit_length() + 7) // 8, "big")),
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
        **members,
    }


def ec_jwk(kid: str, **members: object) -> dict[str, object]:
    """Write the EC key as a JWK."""
    numbers = ec_key().public_key().public_numbers()
    x, y = (base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, **members}


def okp_jwk(kid: str, **members: object) -> dict[str, object]:
    """Write the Ed25519 key as a JWK."""
    octets = ed25519_key().public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(octets), "kid": kid, **members}


def public_forms(key: SeededRSAKey, kid: str) -> dict[str, bytes]:
    """Write a public key in every form that somebody may hold it in as text."""
    encoding, kind = serialization.Encoding, serialization.PublicFormat
    public = key.public_key()
    pem = public.public_bytes(encoding.PEM, kind.SubjectPublicKeyInfo)
    jwk = rsa_jwk(key, kid)
    modulus = key.modulus.to_bytes(key.octets, "big")
    return {
        "the PEM": pem,
        "the PEM without its last line break": pem.rstrip(b"\n"),
        "the PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "the PEM behind a space": b" " + pem,
        "the PEM of PKCS 1": public.public_bytes(encoding.PEM, kind.PKCS1),
        "the DER": public.public_bytes(encoding.DER, kind.SubjectPublicKeyInfo),
        "the DER of PKCS 1": public.public_bytes(encoding.DER, kind.PKCS1),
        "the JWK": compact_json(jwk),
        "the JWK Set": compact_json({"keys": [jwk]}),
        "the modulus in base64url": base64url(modulus).encode(),
        "the octets of the modulus": modulus,
        "the kid": kid.encode(),
        "nothing": b"",
    }


def _raw(message: int, key: SeededRSAKey) -> bytes:
    return pow(message, key.private_exponent, key.modulus).to_bytes(key.octets, "big")


def _mgf1(seed: bytes, length: int, size: str) -> bytes:
    new = getattr(hashlib, f"sha{size}")
    blocks = (new(seed + counter.to_bytes(4, "big")).digest() for counter in range(length))
    mask = b""
    while len(mask) < length:
        mask += next(blocks)
    return mask[:length]
