"""The issuer's own keys as one process holds them: a directory's PEM files, by ``ring.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from flask_handoff.errors import ConfigurationError
from flask_handoff.keys.source import FixedKeys
from flask_handoff.redaction import shown

from .ring_file import new_key_command, read_ring
from .signing_key import SigningKey


class KeyRing(FixedKeys):
    """All keys that the issuer publishes, as they were when the ring was opened; a ``KeySource``.

    Every key that is staged or active is published; the newest active one signs. Nothing in it
    changes, so threads may share it. ``WatchedKeyRing`` follows later changes.

    Args:
        keys: Those that are published, by ``kid``, in the order in which they were made.
        signer: The ``kid`` of the one that signs.
    """

    def __init__(self, keys: Mapping[str, SigningKey], signer: str) -> None:
        super().__init__(key.verification_key for key in keys.values())
        self._signing_keys = keys
        self.signing_key = keys[signer]

    @classmethod
    def open(cls, directory: Path, *, before: KeyRing | None = None) -> Self:
        """Load the published keys of a directory.

        Args:
            directory: Mode 0700.
            before: The same ring as it was earlier: its keys are not loaded again.

        Raises:
            ConfigurationError: There is no ring, no key is active, a file is open to other users
                or broken, or a key is weak or not the one that its ``kid`` names. The remedy names
                the command.
        """
        loaded = {} if before is None else before._signing_keys
        published = [entry for entry in read_ring(directory) if entry.is_published]
        for entry in published:
            if entry.signs:
                keys = {
                    kid: loaded.get(kid) or SigningKey.read(directory, kid)
                    for kid in (each.kid for each in published)
                }
                return cls(keys, entry.kid)
        raise ConfigurationError(
            f"No key in {shown(directory)} is active.",
            f"Make one: {new_key_command(directory)}",
        )
