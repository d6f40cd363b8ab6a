"""One private key; in a directory it is a file ``<kid>.pem``, PKCS#8, mode 0600."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from flask_handoff.errors import ConfigurationError, KeyUnusableError
from flask_handoff.keys.key_forms import is_json, what_came
from flask_handoff.keys.verification_key import VerificationKey
from flask_handoff.keys.weakness import MAXIMUM_KEY_BITS, MINIMUM_KEY_BITS, PUBLIC_EXPONENT
from flask_handoff.redaction import shown

from .private_files import read_private_file, write_private_file
from .private_jwk import read_private_jwk

# As in KEY='-----BEGIN…: cryptography 42 finds a block at the beginning of a line alone.
_BEFORE_A_BLOCK = re.compile(rb"^[^\n]+?(?=-----BEGIN )", re.MULTILINE)


class SigningKey:
    """One private key; a ``Signer`` that exists only when it is strong.

    Args:
        private_key: 2,048 to 4,096 bits, public exponent 65537. Its thumbprint is the ``kid``.

    Raises:
        KeyUnusableError: The key is weak.
    """

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        self.private_key = private_key
        self.verification_key = VerificationKey.from_public_key(private_key.public_key())

    @classmethod
    def generate(cls, bits: int) -> Self:
        """Make a new key.

        Raises:
            ConfigurationError: Not 2,048 to 4,096 bits: it would be weak, or slow to verify with.
        """
        if not MINIMUM_KEY_BITS <= bits <= MAXIMUM_KEY_BITS:
            raise ConfigurationError(
                f"A key of {bits} bits is not offered.",
                f"Choose {MINIMUM_KEY_BITS} to {MAXIMUM_KEY_BITS}.",
            )
        return cls(rsa.generate_private_key(PUBLIC_EXPONENT, bits))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a key from PEM, not encrypted.

        Raises:
            KeyUnusableError: It holds none, or one that is weak or of another kind than RSA.
        """
        return cls(_rsa_private_key(pem))

    @classmethod
    def from_document(cls, document: bytes) -> Self:
        """Read a key from PEM, not encrypted, or from a private JWK.

        Raises:
            KeyUnusableError: It holds none, or one that is weak or of another kind than RSA.
        """
        return cls(read_private_jwk(document)) if is_json(document) else cls.from_pem(document)

    @classmethod
    def read(cls, directory: Path, kid: str) -> Self:
        """Read the key of this name; OpenSSL checks it for 36 ms, as long as 100 signatures.

        Raises:
            ConfigurationError: The file is missing, unreadable or open to other users, or does not
                hold that key, unencrypted and strong.
        """
        pem = read_private_file(_path(directory, kid))
        try:
            key = cls.from_pem(pem)
            if key.kid != kid:
                raise KeyUnusableError("the private key is not the one that its kid names")
        except KeyUnusableError as error:
            raise ConfigurationError(
                f"The key file {shown(_path(directory, kid))} cannot be used: {error}.",
                "Convert it or restore it from a backup, or begin a new ring in another directory.",
            ) from error
        return key

    @property
    def kid(self) -> str:
        """The key's name: its RFC 7638 thumbprint."""
        return self.verification_key.kid

    def sign(self, octets: bytes) -> bytes:
        """Sign by RSASSA-PKCS1-v1_5 with SHA-256, see ``Signer.sign``."""
        return self.private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    def write(self, directory: Path) -> None:
        """Write the key to its file, see ``write_private_file``."""
        write_private_file(_path(directory, self.kid), self.to_pem())

    def to_pem(self) -> bytes:
        """Write the private key as PKCS#8 in PEM, not encrypted: for a file of mode 0600 only."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def delete_private_key(directory: Path, kid: str) -> None:
    """Delete a private key's file; one that is not there is fine.

    It is not overwritten first: journals, snapshots and flash memory keep copies all the same.

    Raises:
        ConfigurationError: It cannot be deleted.
    """
    path = _path(directory, kid)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The key is out of the ring, but {shown(path)} cannot be deleted: {error.strerror}.",
            "Delete that file yourself.",
        ) from None


def _path(directory: Path, kid: str) -> Path:
    return directory / f"{kid}.pem"


def _rsa_private_key(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        plain = _BEFORE_A_BLOCK.sub(b"", pem)
        private_key = serialization.load_pem_private_key(plain, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        came = what_came(pem, private=True)
        raise KeyUnusableError(f"it is not an unencrypted private key in PEM: {came}") from None
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise KeyUnusableError("it is a private key of another kind than RSA")
    return private_key
