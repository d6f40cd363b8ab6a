"""PyJWT builds the token, and whoever holds the key is asked for the signature only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.algorithms import RSAAlgorithm

from flask_handoff.errors import SigningUnavailableError
from flask_handoff.keys import MINIMUM_KEY_BITS, Signer

from .strict_jwt import ALGORITHM

_FEWEST_OCTETS = MINIMUM_KEY_BITS // 8


class _AskTheSigner(RSAAlgorithm):
    """RS256 as PyJWT knows it, but for the key, which is a ``Signer``."""

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> str | None:
        # Every key that is published was found strong enough when it was read.
        return None

    def sign(self, msg: bytes, key: Any) -> bytes:
        signature: bytes = key.sign(msg)
        if len(signature) < _FEWEST_OCTETS:
            raise SigningUnavailableError("the signer answered without a signature")
        return signature


_JWS = jwt.PyJWS(algorithms=[])
_JWS.register_algorithm(ALGORITHM, _AskTheSigner(RSAAlgorithm.SHA256))


def sign_token(claims: Mapping[str, object], key: Signer, *, typ: str) -> str:
    """Make a compact JWS of the claims, signed by *key*.

    Raises:
        SigningUnavailableError: There is no signature now.

    Source: RFC 7515, section 5.1.
    """
    payload = json.dumps(claims, separators=(",", ":")).encode()
    headers = {"kid": key.kid, "typ": typ}
    return _JWS.encode(payload, key, algorithm=ALGORITHM, headers=headers)  # type: ignore[arg-type]
