"""One private key with its place in the ring; a ``Signer``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from flask_handoff.errors import KeyUnusableError
from flask_handoff.keys.verification_key import VerificationKey

from .ring_file import RingEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey(RingEntry):
    """One private key with its place in the ring; it exists only when it is strong.

    Args:
        private_key: 2,048 to 4,096 bits, public exponent 65537. Its thumbprint is the ``kid``.

    Raises:
        KeyUnusableError: The key is weak, or not the one that ``kid`` names.
    """

    private_key: rsa.RSAPrivateKey = field(repr=False, compare=False)
    verification_key: VerificationKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        public_half = VerificationKey.from_public_key(self.private_key.public_key())
        if public_half.kid != self.kid:
            raise KeyUnusableError("the private key is not the one that its kid names")
        object.__setattr__(self, "verification_key", public_half)

    def sign(self, octets: bytes) -> bytes:
        """Sign by RSASSA-PKCS1-v1_5 with SHA-256.

        Source: RFC 7518, section 3.3.
        """
        return self.private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    @classmethod
    def of_entry(cls, entry: RingEntry, private_key: rsa.RSAPrivateKey) -> Self:
        """Put a private key to its entry in the ring.

        Raises:
            KeyUnusableError: The key is weak, or not the one that the entry names.
        """
        return cls(
            kid=entry.kid,
            state=entry.state,
            created_at=entry.created_at,
            published_at=entry.published_at,
            activated_at=entry.activated_at,
            replaced_at=entry.replaced_at,
            retired_at=entry.retired_at,
            revoked_at=entry.revoked_at,
            private_key=private_key,
        )
