"""Compact JWS: signed in one way only, verified by PyJWT in that way, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_decode

from flask_handoff import base64url
from flask_handoff.errors import SigningUnavailableError, TokenMalformedError, TokenSignatureError
from flask_handoff.keys import MINIMUM_KEY_BITS, Signer, VerificationKey
from flask_handoff.strict_json import StrictJSONError, load_strict_json

ALGORITHM = "RS256"  # the only one, on both sides, never taken from a token or a key

_encode_json = json.JSONEncoder(separators=(",", ":")).encode


def sign_token(claims: Mapping[str, object], key: Signer, *, typ: str) -> str:
    """Make a compact JWS of the claims; the holder of the key does no more than sign.

    Raises:
        SigningUnavailableError: There is no signature now.

    Source: RFC 7515, sections 5.1 and 7.1.
    """
    payload_segment = base64url.encode(_encode_json(claims).encode())
    signed = f"{_header_segment(key.kid, typ)}.{payload_segment}"
    signature = key.sign(signed.encode())
    if len(signature) < MINIMUM_KEY_BITS // 8:
        raise SigningUnavailableError("the signer answered without a signature")
    return f"{signed}.{base64url.encode(signature)}"


@lru_cache(maxsize=64)
def _header_segment(kid: str, typ: str) -> str:
    header = {"alg": ALGORITHM, "kid": kid, "typ": typ}
    return base64url.encode(_encode_json(header).encode())


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
