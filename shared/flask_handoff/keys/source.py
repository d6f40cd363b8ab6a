"""Where a verifier finds the issuer's public keys."""

from __future__ import annotations

from typing import Protocol

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
