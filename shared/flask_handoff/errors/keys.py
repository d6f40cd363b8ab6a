"""A key may not be used, may not take its next step, or is out of reach."""

from __future__ import annotations

from datetime import datetime

from .tree import DependencyUnavailableError, HandoffError


class KeyLifeCycleError(HandoffError):
    """A signing key may not take this step of its life, or not yet.

    Args:
        message: Why, and what to do.
        again_at: When it will be allowed; None if time does not help.
    """

    code = "key_life_cycle"

    def __init__(self, message: str, *, again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.again_at = again_at


class KeyMaterialError(HandoffError):
    """A key or a key set may not be used."""

    code = "key_material"


class KeyUnusableError(KeyMaterialError):
    """One key is weak, private, meant for something else, or not RSA."""

    code = "key_unusable"


class JWKSMalformedError(KeyMaterialError):
    """A document is not a JWK Set, or one that must not be trusted as a whole.

    Args:
        message: What was expected and what came.
        holds_no_key: It is a JWK Set, and its issuer has withdrawn every key that could be used.
    """

    code = "jwks_malformed"

    def __init__(self, message: str, *, holds_no_key: bool = False) -> None:
        super().__init__(message)
        self.holds_no_key = holds_no_key


class SigningUnavailableError(DependencyUnavailableError):
    """The key that signs is elsewhere, such as in a KMS, and gives no signature now."""

    code = "signing_unavailable"


class JWKSUnavailableError(DependencyUnavailableError):
    """The issuer's public keys are unavailable; nothing is known about the token."""

    code = "jwks_unavailable"
