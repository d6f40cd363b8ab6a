"""PyJWT, signing and checking a signature in one way only, and a strict reader for JWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jwt
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_decode

from flask_handoff import base64url
from flask_handoff.errors import SigningUnavailableError, TokenMalformedError, TokenSignatureError
from flask_handoff.keys import MINIMUM_KEY_BITS, Signer, VerificationKey
from flask_handoff.strict_json import StrictJSONError, load_strict_json

ALGORITHM = "RS256"  # the only one, on both sides, never taken from a token or a key

_encode_json = json.JSONEncoder(separators=(",", ":")).encode


class _AskTheSigner(RSAAlgorithm):
    """RS256 as PyJWT knows it, but for the key, which is a ``Signer``."""

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> str | None:
        # Every key that is published was found strong enough when it was read.
        return None

    def sign(self, msg: bytes, key: Any) -> bytes:
        signature: bytes = key.sign(msg)
        if len(signature) < MINIMUM_KEY_BITS // 8:
            raise SigningUnavailableError("the signer answered without a signature")
        return signature


_SIGNING_JWS = jwt.PyJWS(algorithms=[])
_SIGNING_JWS.register_algorithm(ALGORITHM, _AskTheSigner(RSAAlgorithm.SHA256))


def sign_token(claims: Mapping[str, object], key: Signer, *, typ: str) -> str:
    """Make a compact JWS of the claims. PyJWT builds it, the holder of the key only signs.

    Raises:
        SigningUnavailableError: There is no signature now.

    Source: RFC 7515, section 5.1.
    """
    payload = _encode_json(claims).encode()
    headers = {"kid": key.kid, "typ": typ}
    return _SIGNING_JWS.encode(payload, key, algorithm=ALGORITHM, headers=headers)  # type: ignore[arg-type]


# PyJWT's RS256 itself: there is no other algorithm, "none" included, that a header could choose.
_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


@lru_cache(maxsize=64)
def read_header(header_segment: str) -> Mapping[str, Any]:
    """Read the first segment of a compact JWS, see ``read_segment``."""
    # Every token of one key has the same header. What is kept is the reading, never a verdict.
    return read_segment(header_segment, "header")


def read_segment(segment: str, part: str) -> Mapping[str, Any]:
    """Read one segment of a compact JWS, strictly; nothing in it is verified.

    Raises:
        TokenMalformedError: Not base64url, or not one strict JSON object.

    Source: RFC 7515, section 4.
    """
    try:
        # The check of the signature tells whether it is the one spelling of its octets.
        octets = base64url_decode(segment)
    except ValueError:
        raise TokenMalformedError(f"{part}: not base64url") from None
    return read_object(octets, part)


def verify_signature(unverified_token: str, key: VerificationKey) -> bytes:
    """Verify the signature of a compact JWS and return the payload's octets, which it covers.

    The token is three segments of the base64url alphabet, and its header was read.

    Raises:
        TokenMalformedError: A segment is not canonical base64url, or the key is too weak.
        TokenSignatureError: Not signed by that key, or changed since.

    Source: RFC 7515, section 5.2.
    """
    signed, _, signature_segment = unverified_token.rpartition(".")
    header_segment, _, payload_segment = signed.partition(".")
    if len(signature_segment) != (length := key.signature_length):
        raise TokenSignatureError(f"a signature by this key has {length} characters")
    _canonical_octets(header_segment, "header")
    payload = _canonical_octets(payload_segment, "payload")
    signature = _canonical_octets(signature_segment, "signature")
    if key.public_key.key_size < MINIMUM_KEY_BITS:
        raise TokenMalformedError("the key is too weak to verify anything")
    if not _RS256.verify(signed.encode(), key.public_key, signature):
        raise TokenSignatureError("the signature does not match")
    return payload


def _canonical_octets(segment: str, part: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise TokenMalformedError(f"{part}: not canonical base64url") from None


def read_object(
    unverified_document: bytes, part: str, *, foreign: bool = False
) -> Mapping[str, Any]:
    """Read what a segment holds, see ``read_segment`` and ``load_strict_json``."""
    try:
        document = load_strict_json(unverified_document, foreign=foreign)
    except StrictJSONError as error:
        raise TokenMalformedError(f"{part}: {error}") from None
    if not isinstance(document, dict):
        raise TokenMalformedError(f"{part}: not a JSON object")
    return document
