"""The issuer's own keys: a directory with one PEM file a key, and ``ring.json`` that lists them.

The newest active key signs; every key in the ring is published. The directory is read once, when
the server starts: OpenSSL checks a private key on each load, which costs 100 signatures and more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.claims import Clock, system_clock
from flask_handoff.errors import ConfigurationError, KeyUnusableError, TokenKeyUnknownError

from .files import (
    make_private_directory,
    only_writer,
    read_private_file,
    write_private_file,
)
from .ring_file import RingEntry, new_key_command, read_ring, ring_exists, write_ring
from .verification_key import VerificationKey, thumbprint
from .weakness import MAXIMUM_KEY_BITS, MINIMUM_KEY_BITS, PUBLIC_EXPONENT


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


class KeyRing:
    """All keys of the issuer, as they were when the ring was opened; a ``KeySource`` as well.

    Nothing in it changes, so threads may share it. A key made later is seen by the next process
    that opens the ring.

    Args:
        directory: Where the keys lie, for messages.
        keys: In the order in which they were made.

    Raises:
        ConfigurationError: No key is active.
    """

    def __init__(self, directory: Path, keys: Sequence[SigningKey]) -> None:
        self._signing_key = _newest_active(directory, keys)
        self._keys = {key.kid: key.verification_key for key in keys}
        self._jwks_json = json.dumps(self.jwks(), separators=(",", ":")).encode("ascii")

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Load all keys of a directory, once; 36 ms a key.

        Raises:
            ConfigurationError: There is no ring, no key is active, a file is open to other users
                or broken, or a key is weak or not the one that its ``kid`` names. The remedy names
                the command.
        """
        return cls(directory, [_load(directory, entry) for entry in read_ring(directory)])

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


def new_key(directory: Path, *, bits: int = 2048, clock: Clock = system_clock) -> SigningKey:
    """Make a key and add it to the ring of a directory, which is made if it is not there.

    The key is active where no other is, else staged.

    Args:
        directory: Mode 0700, or not there yet.
        bits: 2,048 to 4,096. Each step of 1,024 makes every token 171 characters longer.
        clock: Tells when the key was made.

    Raises:
        ConfigurationError: The directory cannot be written, or what lies there is no good ring.
    """
    if not MINIMUM_KEY_BITS <= bits <= MAXIMUM_KEY_BITS:
        raise ConfigurationError(
            f"A key of {bits} bits is not offered.",
            f"Choose {MINIMUM_KEY_BITS} to {MAXIMUM_KEY_BITS}.",
        )
    try:
        make_private_directory(directory)
        private_key = rsa.generate_private_key(PUBLIC_EXPONENT, bits)
        with only_writer(directory):
            return _add(directory, private_key, clock)
    except OSError as error:
        raise ConfigurationError(
            f"The key directory {directory} cannot be written: {error.strerror}.",
            "Name a directory that this user may write to.",
        ) from error


def _newest_active(directory: Path, keys: Sequence[SigningKey]) -> SigningKey:
    # Two keys activated in one second: the later in the list is the newer.
    active = [key for key in reversed(keys) if key.state == "active"]
    if not active:
        raise ConfigurationError(
            f"No key in {directory} is active.",
            f"Make one: {new_key_command(directory)}",
        )
    return max(active, key=_activation)


def _activation(key: SigningKey) -> datetime:
    return key.activated_at or key.created_at


def _add(directory: Path, private_key: rsa.RSAPrivateKey, clock: Clock) -> SigningKey:
    entries = read_ring(directory) if ring_exists(directory) else ()
    now = clock().replace(microsecond=0)
    is_first = all(entry.state != "active" for entry in entries)
    key = SigningKey(
        kid=thumbprint(private_key.public_key()),
        state="active" if is_first else "staged",
        created_at=now,
        activated_at=now if is_first else None,
        private_key=private_key,
    )
    # The PEM comes first: a ring that is read in between must not list a key without its file.
    write_private_file(_pem_path(directory, key.kid), _to_pem(private_key))
    write_ring(directory, [*entries, key])
    return key


def _load(directory: Path, entry: RingEntry) -> SigningKey:
    path = _pem_path(directory, entry.kid)
    try:
        return SigningKey(
            kid=entry.kid,
            state=entry.state,
            created_at=entry.created_at,
            activated_at=entry.activated_at,
            retired_at=entry.retired_at,
            private_key=_from_pem(read_private_file(path)),
        )
    except KeyUnusableError as error:
        raise ConfigurationError(
            f"The key file {path} cannot be used: {error}.",
            "Restore it from a backup, or begin a new ring in another directory.",
        ) from error


def _pem_path(directory: Path, kid: str) -> Path:
    return directory / f"{kid}.pem"


def _to_pem(private_key: rsa.RSAPrivateKey) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _from_pem(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        private_key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusableError("it is not an unencrypted private key in PEM") from None
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise KeyUnusableError("it is a private key of another kind than RSA")
    return private_key
