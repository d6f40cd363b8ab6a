"""One private key in one file: ``<kid>.pem``, PKCS#8, mode 0600."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.errors import ConfigurationError, KeyUnusableError
from flask_handoff.keys.verification_key import thumbprint
from flask_handoff.redaction import shown

from .private_files import read_private_file, write_private_file


def pem_path(directory: Path, kid: str) -> Path:
    """Return where the private key of this name lies."""
    return directory / f"{kid}.pem"


def write_private_key(directory: Path, private_key: rsa.RSAPrivateKey) -> None:
    """Write a private key to the file that its thumbprint names.

    Raises:
        OSError: It cannot be written.
    """
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private_file(pem_path(directory, thumbprint(private_key.public_key())), pem)


def read_private_key(directory: Path, kid: str) -> rsa.RSAPrivateKey:
    """Read a private key; OpenSSL checks it for 36 ms.

    Raises:
        ConfigurationError: The file is missing, unreadable or open to other users.
        KeyUnusableError: It does not hold an unencrypted RSA key.
    """
    pem = read_private_file(pem_path(directory, kid))
    try:
        private_key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusableError("it is not an unencrypted private key in PEM") from None
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise KeyUnusableError("it is a private key of another kind than RSA")
    return private_key


def delete_private_key(directory: Path, kid: str) -> None:
    """Delete a private key's file; one that is not there is fine.

    It is not overwritten first: journals, snapshots and flash memory keep copies all the same.

    Raises:
        ConfigurationError: It cannot be deleted.
    """
    path = pem_path(directory, kid)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The key is out of the ring, but {shown(path)} cannot be deleted: {error.strerror}.",
            "Delete that file yourself.",
        ) from None
