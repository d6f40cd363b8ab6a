"""What an issuer needs of its keys: one that signs, and those that are published."""

from __future__ import annotations

from typing import Protocol

from .verification_key import VerificationKey

PROBE = b"flask handoff-check"
"""What is signed to see whether a key signs: no token has this form."""


class Signer(Protocol):
    """A key that signs. Where its private half lives is its own business."""

    @property
    def kid(self) -> str:
        """The key's name, as it is published."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """Sign by RSASSA-PKCS1-v1_5 with SHA-256.

        Raises:
            SigningUnavailableError: There is no signature now.

        Source: RFC 7518, section 3.3.
        """
        ...


class IssuerKeys(Protocol):
    """Everything that an issuer asks of its keys."""

    @property
    def signing_key(self) -> Signer:
        """The key with which tokens are signed now."""
        ...

    @property
    def jwks_json(self) -> bytes:
        """The JWK Set as it is published; the key that signs is in it."""
        ...

    def key(self, kid: str) -> VerificationKey:
        """Find a published key by its name, see ``KeySource.key``."""
        ...

    def ready(self) -> None:
        """Return when the published keys are there, see ``KeySource.ready``."""
        ...
