"""A key may not be used, or may not take its next step."""

from __future__ import annotations

from datetime import datetime

from .root import HandoffError


class KeyLifeCycleError(HandoffError, code="key_life_cycle"):
    """A signing key may not take this step of its life, or not yet.

    Args:
        again_at: When it will be allowed; None if time does not help.
    """

    def __init__(self, message: str, *, again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.again_at = again_at


class KeyMaterialError(HandoffError, code="key_material"):
    """A key or a key set may not be used."""


class KeyUnusableError(KeyMaterialError, code="key_unusable"):
    """One key is weak, private, meant for something else, or not RSA."""


class JWKSMalformedError(KeyMaterialError, code="jwks_malformed"):
    """A document is not a JWK Set, or one that must not be trusted as a whole.

    Args:
        holds_no_key: It is a JWK Set, and its issuer has removed every key that could be used.
    """

    def __init__(self, message: str, *, holds_no_key: bool = False) -> None:
        super().__init__(message)
        self.holds_no_key = holds_no_key
