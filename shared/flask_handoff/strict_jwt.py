"""PyJWT, reading a token in one way only."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jwt
from jwt.types import Options
from jwt.utils import base64url_decode

from .errors import TokenMalformedError
from .strict_json import StrictJSONError, load_strict_json


class _StrictJWS(jwt.PyJWS):
    """PyJWS for a compact form whose alphabet is known to be good.

    PyJWT looks at every character in a Python loop, half the cost of a verification. Should it
    rename this method, its own comes back: slower, and as strict.
    """

    @staticmethod
    def _decode_base64url_segment(segment: bytes, name: str) -> bytes:
        try:
            octets = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
        except ValueError:
            raise jwt.DecodeError(f"Invalid {name}") from None
        # Two spellings of the same octets would be two tokens to whoever compares texts.
        if base64.urlsafe_b64encode(octets).rstrip(b"=") != segment:
            raise jwt.DecodeError(f"Invalid {name}")
        return octets


class StrictJWT(jwt.PyJWT):
    """PyJWT with our strict reader for the payload.

    Args:
        options: Every option of ``jwt.decode`` that is not left to chance.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._jws = _StrictJWS()

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        return _read_object(decoded["payload"], "payload")


@lru_cache(maxsize=64)
def read_header(header_segment: str) -> Mapping[str, Any]:
    """Read the first segment of a compact JWS, strictly.

    Raises:
        TokenMalformedError: Not base64url, or not one strict JSON object.

    Source: RFC 7515, section 4.
    """
    # Every token of one key has the same header. What is kept is the reading, never a verdict.
    try:
        header = base64url_decode(header_segment)
    except ValueError:
        raise TokenMalformedError("header: not base64url") from None
    return _read_object(header, "header")


def _read_object(unverified_document: bytes, part: str) -> dict[str, Any]:
    try:
        document = load_strict_json(unverified_document)
    except StrictJSONError as error:
        raise TokenMalformedError(f"{part}: {error}") from None
    if not isinstance(document, dict):
        raise TokenMalformedError(f"{part}: not a JSON object")
    return document
