"""The issuer's own keys as one process holds them: a directory's PEM files, by ``ring.json``.

The newest active key signs; every key that is staged or active is published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.errors import ConfigurationError, KeyUnusableError, TokenKeyUnknownError
from flask_handoff.keys.jwks import write_jwks
from flask_handoff.keys.verification_key import VerificationKey
from flask_handoff.redaction import shown

from .pem import pem_path, read_private_key
from .ring_file import RingEntry, new_key_command, read_ring
from .signing_key import SigningKey


class KeyRing:
    """All keys that the issuer publishes, as they were when the ring was opened; a ``KeySource``.

    Nothing in it changes, so threads may share it. ``WatchedKeyRing`` follows later changes.

    Args:
        directory: Where the keys lie, for messages.
        keys: Those that are published, in the order in which they were made.

    Raises:
        ConfigurationError: No key is active.
    """

    def __init__(self, directory: Path, keys: Sequence[SigningKey]) -> None:
        self._signing_key = _the_one_that_signs(directory, keys)
        self._private_keys = {key.kid: key.private_key for key in keys}
        self._keys = {key.kid: key.verification_key for key in keys}
        self._jwks_json = write_jwks(self._keys.values())

    @classmethod
    def open(cls, directory: Path, *, before: KeyRing | None = None) -> Self:
        """Load the published keys of a directory.

        OpenSSL checks a private key on each load, which takes 36 ms: as long as 100 signatures.

        Args:
            directory: Mode 0700.
            before: The same ring as it was earlier: its keys are not loaded again.

        Raises:
            ConfigurationError: There is no ring, no key is active, a file is open to other users
                or broken, or a key is weak or not the one that its ``kid`` names. The remedy names
                the command.
        """
        loaded = before._private_keys if before is not None else {}
        published = [entry for entry in read_ring(directory) if entry.is_published]
        return cls(directory, [_load(directory, entry, loaded) for entry in published])

    @property
    def signing_key(self) -> SigningKey:
        """The newest active key, with which tokens are signed."""
        return self._signing_key

    @property
    def jwks_json(self) -> bytes:
        """The JWK Set as it is published."""
        return self._jwks_json

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Write the public half of every key as a JWK Set.

        Source: RFC 7517, section 5.
        """
        return {"keys": [key.to_jwk() for key in self._keys.values()]}

    def key(self, kid: str) -> VerificationKey:
        """Find the public half of the key of this name.

        Raises:
            TokenKeyUnknownError: It is not in the ring.
        """
        try:
            return self._keys[kid]
        except KeyError:
            raise TokenKeyUnknownError("the token names a key that is not in the ring") from None

    def ready(self) -> None:
        """Return at once: a ring that was opened holds an active key."""


def _the_one_that_signs(directory: Path, keys: Sequence[SigningKey]) -> SigningKey:
    for key in keys:
        if key.signs:
            return key
    raise ConfigurationError(
        f"No key in {shown(directory)} is active.",
        f"Make one: {new_key_command(directory)}",
    )


def _load(directory: Path, entry: RingEntry, loaded: Mapping[str, rsa.RSAPrivateKey]) -> SigningKey:
    try:
        private_key = loaded.get(entry.kid) or read_private_key(directory, entry.kid)
        return SigningKey.of_entry(entry, private_key)
    except KeyUnusableError as error:
        raise ConfigurationError(
            f"The key file {shown(pem_path(directory, entry.kid))} cannot be used: {error}.",
            "Restore it from a backup, or begin a new ring in another directory.",
        ) from error
