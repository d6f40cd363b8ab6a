"""The issuer's public keys from a file, for a receiver that asks no network."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.errors import ConfigurationError, KeyMaterialError, KeyUnusableError
from flask_handoff.redaction import shown

from .jwks import jwks_entries, parse_jwks
from .source import FixedKeys
from .verification_key import VerificationKey, holds_a_secret

MAXIMUM_FILE_BYTES = 64 * 1024

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_REMEDY = "Put the issuer's public keys there, as its jwks_uri shows them."


class PinnedKeys(FixedKeys):
    """The issuer's public keys from a file: a ``KeySource`` that needs no network."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read public keys from a file: PEM blocks of the kind ``PUBLIC KEY``, or a JWK Set.

        The file has at most 64 KiB. A PEM key is named by its RFC 7638 thumbprint, as
        ``flask handoff-keys new`` names it.

        Raises:
            ConfigurationError: The file cannot be read, holds a private key or no key, or a key
                is weak.

        Source: RFC 7468, section 13 (PEM).
        """
        try:
            return cls(_read_keys(path))
        except OSError as error:
            raise _refusal(path, f"cannot be read: {error.strerror}") from None
        except KeyMaterialError as error:
            raise _refusal(path, f"cannot be used: {error}") from error


def _read_keys(path: Path) -> Iterable[VerificationKey]:
    with path.open("rb") as file:
        unverified_document = file.read(MAXIMUM_FILE_BYTES + 1)
    if len(unverified_document) > MAXIMUM_FILE_BYTES:
        raise _refusal(path, f"is longer than {MAXIMUM_FILE_BYTES} bytes")
    if unverified_document.lstrip().startswith(b"{"):
        if any(holds_a_secret(jwk) for jwk in jwks_entries(unverified_document)):
            raise _private_key_pinned(path, "Keep only the public members")
        return parse_jwks(unverified_document).values()
    if b"PRIVATE KEY-----" in unverified_document:
        command = f"openssl pkey -in {shlex.quote(shown(path))} -pubout"
        raise _private_key_pinned(path, f"Put there what this prints: {command}")
    blocks = list(_PEM_BLOCK.finditer(unverified_document))
    if not blocks or any(block[1] != b"PUBLIC KEY" for block in blocks):
        raise KeyUnusableError("expected PEM blocks of the kind PUBLIC KEY, or a JWK Set")
    return [VerificationKey.from_public_key(_public_key(block[0])) for block in blocks]


def _public_key(pem: bytes) -> rsa.RSAPublicKey:
    try:
        public_key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusableError("a PEM block is not a public key") from None
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise KeyUnusableError("a PEM block is a public key of another kind than RSA")
    return public_key


def _private_key_pinned(path: Path, remedy: str) -> ConfigurationError:
    return _refusal(
        path,
        "holds a private key, which only the issuer may have",
        f"{remedy}; and have the issuer replace the key, for it has been seen.",
    )


def _refusal(path: Path, problem: str, remedy: str = _REMEDY) -> ConfigurationError:
    return ConfigurationError(f"The pinned key file {shown(path)} {problem}.", remedy)
