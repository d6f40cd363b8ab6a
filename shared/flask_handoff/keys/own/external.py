"""The issuer's keys where the private half is out of reach: in a KMS, an HSM, another process."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from flask_handoff.errors import KeyUnusableError, SigningUnavailableError
from flask_handoff.keys.jwks import MAXIMUM_JWKS_KEYS
from flask_handoff.keys.source import FixedKeys
from flask_handoff.keys.verification_key import VerificationKey


class ExternalKey:
    """One signing key of which only the public half is here; a ``Signer``.

    Args:
        public_key: 2,048 to 4,096 bits, public exponent 65537. Its thumbprint is the ``kid``.
        request_signature: Has the octets signed by RSASSA-PKCS1-v1_5 with SHA-256. It keeps a time
            limit of its own, since a request waits for it, and raises whatever it likes.

    Raises:
        KeyUnusableError: The key is weak.
    """

    def __init__(
        self, public_key: rsa.RSAPublicKey, request_signature: Callable[[bytes], bytes]
    ) -> None:
        self.verification_key = VerificationKey.from_public_key(public_key)
        self._request_signature = request_signature

    @property
    def kid(self) -> str:
        """The key's name: its RFC 7638 thumbprint."""
        return self.verification_key.kid

    def sign(self, octets: bytes) -> bytes:
        """Have the octets signed, and verify the signature before it leaves.

        Raises:
            SigningUnavailableError: There was no answer, or it is no signature by this key. The
                text holds nothing of what came.

        Source: RFC 8017, section 8.2.
        """
        try:
            signature = self._request_signature(octets)
        except Exception as error:
            # Each KMS has exceptions of its own, and their texts may quote the request.
            raise SigningUnavailableError(f"no signature came ({type(error).__name__})") from error
        try:
            # Another key's would be refused everywhere; a faulty one can give the key away.
            self.verification_key.public_key.verify(
                signature, octets, padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, TypeError):
            raise SigningUnavailableError("what came is no signature by the key") from None
        return signature


class ExternalKeys(FixedKeys):
    """A key that signs elsewhere, and all keys that are published; in place of a ``KeyRing``.

    Args:
        signing_key: The key that signs.
        published: Further keys: the next one before it signs, the last one as long as its tokens
            live.

    Raises:
        KeyUnusableError: There are more keys than receivers take.
    """

    def __init__(
        self, signing_key: ExternalKey, *, published: Iterable[VerificationKey] = ()
    ) -> None:
        super().__init__([signing_key.verification_key, *published])
        self.signing_key = signing_key
        if len(self.kids) > MAXIMUM_JWKS_KEYS:
            raise KeyUnusableError(f"more than {MAXIMUM_JWKS_KEYS} keys cannot be published")
