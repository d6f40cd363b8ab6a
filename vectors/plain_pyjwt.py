"""What PyJWT does with a vector when it is used as its documentation shows, and no more."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, cast

import jwt


class _HeldKeys(jwt.PyJWKClient):
    """PyJWT's client for keys, with the document at hand in place of the network."""

    def __init__(self, document: str) -> None:
        super().__init__("https://issuer.example/.well-known/jwks.json")
        self._document = document

    def fetch_data(self) -> Any:
        return json.loads(self._document)


class _AtAnotherTime(jwt.PyJWT):
    """PyJWT, which reads the machine's clock, at the time of a vector."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self._now = now

    def _validate_iat(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        super()._validate_iat(payload, self._now, leeway)

    def _validate_nbf(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        super()._validate_nbf(payload, self._now, leeway)

    def _validate_exp(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        super()._validate_exp(payload, self._now, leeway)


def verdict(
    token: str,
    *,
    now: int,
    key_set: str,
    issuer: str,
    audience: str,
    options: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """Verify a token with PyJWT's defaults: ``algorithms``, ``audience``, ``issuer``, key by kid.

    Args:
        token: What is verified.
        now: The clock, in seconds since 1970.
        key_set: The document with the issuer's keys.
        issuer: The only ``iss``.
        audience: What ``aud`` has to name.
        options: PyJWT's own, over its defaults.

    Returns:
        ``accept``, ``refuse`` or ``crash``, and the name of the exception, if there is one.
        ``crash`` is an exception that is none of PyJWT's: in a server, a status of 500.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a short key PyJWT only warns
        try:
            key = _HeldKeys(key_set).get_signing_key_from_jwt(token)
            _AtAnotherTime(now).decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=audience,
                issuer=issuer,
                options=cast(Any, options),
            )
        except jwt.PyJWTError as error:
            return "refuse", type(error).__name__
        except Exception as error:
            return "crash", type(error).__name__
    return "accept", ""


def compare(vector: Mapping[str, Any], text: str, document: Mapping[str, Any]) -> tuple[str, str]:
    """Return what PyJWT does with one vector of a file."""
    receiver = document["receiver"]
    return verdict(
        text,
        now=vector["now"],
        key_set=document["key_sets"][vector["keys"]],
        issuer=receiver["issuer"],
        audience=receiver["audience"],
    )
