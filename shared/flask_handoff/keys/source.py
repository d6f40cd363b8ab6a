"""Where a verifier finds the issuer's public keys."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from flask_handoff.errors import TokenKeyUnknownError

from .verification_key import VerificationKey


class KeySource(Protocol):
    """The issuer's public keys, wherever they come from: network, file or the issuer's own ring."""

    def key(self, kid: str) -> VerificationKey:
        """Find the key of this name.

        Raises:
            TokenKeyUnknownError: Keys are held, this one is not among them.
            JWKSUnavailableError: No key is available, so nothing can be said about the token.
        """
        ...

    def ready(self) -> None:
        """Make sure that at least one usable key is held or can be fetched.

        Raises:
            JWKSUnavailableError: There is none.
        """
        ...


class FixedKeys:
    """Public keys that never change, at least one: a ``KeySource`` that needs no network."""

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    @property
    def kids(self) -> frozenset[str]:
        """The names of the keys."""
        return frozenset(self._keys)

    @cached_property
    def jwks_json(self) -> bytes:
        """The keys as a JWK Set.

        Source: RFC 7517, section 5.
        """
        document = {"keys": [key.to_jwk() for key in self._keys.values()]}
        return json.dumps(document, separators=(",", ":")).encode("ascii")

    def key(self, kid: str) -> VerificationKey:
        """Find the key of this name, see ``KeySource.key``."""
        try:
            return self._keys[kid]
        except KeyError:
            raise TokenKeyUnknownError("the token names a key that is not held here") from None

    def ready(self) -> None:
        """Return at once: the keys are here."""
