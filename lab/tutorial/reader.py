"""How tutorials read a token: PyJWT where it lets them, and by hand where it does not."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_handoff import base64url

KeySet = Mapping[str, RSAPublicKey]
"""Public keys by their ``kid``."""


class NotReadableError(Exception):
    """The tutorial refuses the token; the text says why."""


class TokenReader:
    """Reads tokens of every issuer whose keys it gets.

    It believes the token about its algorithm and its key, asks for no ``aud``, ``typ``, ``nonce``
    or ``jti``, and for ``exp`` only where there is one.

    Args:
        fetch_keys: Asked whenever a token names a key that is not held.
    """

    def __init__(self, fetch_keys: Callable[[], KeySet]) -> None:
        self._fetch_keys = fetch_keys
        self._keys: dict[str, RSAPublicKey] = {}  # never forgotten again
        self._lock = threading.Lock()
        self.fetches = 0

    def read(self, unverified_token: str) -> Mapping[str, Any]:
        """Return the claims of a token.

        Raises:
            NotReadableError: Even the tutorial refuses it.
        """
        try:
            return self._read(unverified_token)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise NotReadableError(f"{type(error).__name__}: {error}") from None

    def _read(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header["alg"]
        if algorithm == "none":
            return _claims_of(token)
        if algorithm == "HS256":
            self._check_hmac(token, header["kid"])
            return _claims_of(token)
        key = _embedded_key(header["jwk"]) if "jwk" in header else self._key(header["kid"])
        claims: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], options={"verify_aud": False}
        )
        return claims

    def _check_hmac(self, token: str, kid: str) -> None:
        # PyJWT takes no public key for a secret any more; by hand it is soon written.
        secret = self._key(kid).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed, _, signature = token.rpartition(".")
        good = base64url.encode(hmac.digest(secret, signed.encode(), "sha256"))
        if not hmac.compare_digest(good.encode(), signature.encode()):
            raise ValueError("the signature is wrong")

    def _key(self, kid: str) -> RSAPublicKey:
        if kid not in self._keys:
            keys = self._fetch_keys()
            with self._lock:
                self.fetches += 1
                self._keys.update(keys)
        return self._keys[kid]


def _embedded_key(unverified_jwk: object) -> Any:
    if not isinstance(unverified_jwk, dict):  # PyJWT fails on it with an AttributeError
        raise TypeError("the jwk is no object")
    return jwt.PyJWK(unverified_jwk).key


def _claims_of(token: str) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
