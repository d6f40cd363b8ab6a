"""The issuer's keys as they are now: a running server follows every change of its key directory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from flask_handoff.errors import ConfigurationError, DependencyUnavailableError
from flask_handoff.keys.file_stamp import file_stamp
from flask_handoff.keys.verification_key import VerificationKey

from .ring import KeyRing
from .ring_file import ring_path
from .signing_key import SigningKey

LOOK_INTERVAL = 1.0  # seconds from one look at ring.json to the next
RETRY_INTERVAL = 5.0  # seconds, after a ring that could not be used

_logger = logging.getLogger("flask_handoff")


class WatchedKeyRing:
    """The newest good ``KeyRing`` of a directory.

    Each use looks whether ``ring.json`` has changed, at most once a second; there is no thread and
    no lock. While one caller loads the new ring the others use the old one, and keys that are
    loaded already are not checked again. A ring that cannot be used is logged, with the remedy, and
    the old one stays.

    Safe to share between threads and to take across a fork.

    Args:
        directory: Mode 0700, with a good ring.

    Raises:
        ConfigurationError: As ``KeyRing.open``.
    """

    def __init__(self, directory: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._path = ring_path(directory)
        self._monotonic = monotonic
        self._complaint: ConfigurationError | None = None
        self._look_at = monotonic() + LOOK_INTERVAL
        self._held = self._open(None)

    def current(self) -> KeyRing:
        """Return the ring as it was at most a second ago; never waits for another caller."""
        return self.newest() if self._monotonic() >= self._look_at else self._held[0]

    def newest(self) -> KeyRing:
        """Return the ring as it is at this moment, for an answer that its receiver keeps.

        A receiver whose keys are flushed right after a revocation must not be given the old ones.
        """
        ring, stamp = self._held
        now = self._monotonic()
        if self._complaint and now < self._look_at:
            return ring
        self._look_at = now + LOOK_INTERVAL
        if file_stamp(self._path) == stamp:
            self._complaint = None
            return ring
        try:
            # Both at once: another thread must not take the new stamp for that of the old ring.
            ring, _ = self._held = self._open(ring)
        except ConfigurationError as error:
            self._look_at = now + RETRY_INTERVAL
            if str(self._complaint) != str(error):  # once, not at every look
                _logger.error("key_ring_unusable directory=%s reason=%s", self._directory, error)
            self._complaint = error
            return ring
        self._complaint = None
        _logger.info(
            "key_ring_changed directory=%s signing_key=%s published=%s",
            self._directory,
            ring.signing_key.kid,
            ",".join(sorted(ring.kids)),
        )
        return ring

    @property
    def signing_key(self) -> SigningKey:
        """The newest active key, with which tokens are signed."""
        return self.current().signing_key

    @property
    def jwks_json(self) -> bytes:
        """The JWK Set as it is published."""
        return self.newest().jwks_json

    @property
    def kids(self) -> frozenset[str]:
        """The names of the keys that are published."""
        return self.current().kids

    def key(self, kid: str) -> VerificationKey:
        """Find a published key by its name, see ``KeySource.key``."""
        return self.current().key(kid)

    def ready(self) -> None:
        """Return at once: the keys are here."""

    def check_followed(self) -> None:
        """Check that these are the keys of the directory, and not those from before a change.

        Raises:
            DependencyUnavailableError: What lies there now cannot be used.
        """
        self.newest()
        if self._complaint is not None:
            raise DependencyUnavailableError(str(self._complaint)) from self._complaint

    def _open(self, before: KeyRing | None) -> tuple[KeyRing, tuple[int, ...] | None]:
        while True:
            # The stamp is older than what is read: a change in between is seen at the next look.
            stamp = file_stamp(self._path)
            try:
                return KeyRing.open(self._directory, before=before), stamp
            except ConfigurationError:
                # A key that was removed in between has no file any more: the ring is good.
                if file_stamp(self._path) == stamp:
                    raise
