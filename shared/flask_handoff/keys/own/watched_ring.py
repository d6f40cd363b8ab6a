"""The issuer's keys as they are now: a running server follows every change of its key directory."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask_handoff.errors import ConfigurationError
from flask_handoff.keys.verification_key import VerificationKey

from .ring import KeyRing
from .ring_file import ring_stamp
from .signing_key import SigningKey

LOOK_INTERVAL = 1.0  # seconds from one look at ring.json to the next
RETRY_INTERVAL = 5.0  # seconds, after a ring that could not be used
_ATTEMPTS = 3  # to read a ring that is being changed while it is read

_logger = logging.getLogger("flask_handoff")


class WatchedKeyRing:
    """The newest good ``KeyRing`` of a directory.

    Each use looks whether ``ring.json`` has changed, at most once a second; there is no
    thread. One caller loads the new ring while the others go on with the old one, and keys that
    are loaded already are not checked again. A ring that cannot be used is logged, with the remedy,
    and the old one stays.

    Safe to share between threads and to take across a fork.

    Args:
        directory: Mode 0700, with a good ring.
        before: The same ring as it was earlier: its keys are not loaded again.
        monotonic: Tells seconds that never run backwards.

    Raises:
        ConfigurationError: As ``KeyRing.open``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        before: KeyRing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._pid = os.getpid()
        self._turn = threading.Lock()
        self._complaint = ""
        self._look_at = monotonic() + LOOK_INTERVAL
        self._ring, self._stamp = self._open(before)

    def current(self) -> KeyRing:
        """Return the ring as it was at most a second ago; never waits for another caller."""
        if self._monotonic() >= self._look_at:
            self._look(wait=False)
        return self._ring

    def newest(self) -> KeyRing:
        """Return the ring as it is at this moment, for an answer that its receiver keeps.

        A receiver whose keys are flushed right after a revocation must not be given the old ones.
        """
        self._look(wait=True)
        return self._ring

    @property
    def signing_key(self) -> SigningKey:
        """The newest active key, with which tokens are signed."""
        return self.current().signing_key

    @property
    def jwks_json(self) -> bytes:
        """The JWK Set as it is published."""
        return self.newest().jwks_json

    def key(self, kid: str) -> VerificationKey:
        """Find the public half of the key of this name.

        Raises:
            TokenKeyUnknownError: It is not in the ring.
        """
        return self.current().key(kid)

    def ready(self) -> None:
        """Return at once: a ring that was opened holds an active key."""

    def _look(self, *, wait: bool) -> None:
        if self._pid != os.getpid():
            # The lock may have been held when the process was forked, and stays held.
            self._pid, self._turn = os.getpid(), threading.Lock()
        if self._turn.acquire(blocking=wait):
            try:
                self._follow()
            finally:
                self._turn.release()

    def _follow(self) -> None:
        now = self._monotonic()
        if self._complaint and now < self._look_at:
            return
        self._look_at = now + LOOK_INTERVAL
        if ring_stamp(self._directory) == self._stamp:
            self._complaint = ""
            return
        try:
            ring, stamp = self._open(self._ring)
        except ConfigurationError as error:
            self._look_at = now + RETRY_INTERVAL
            self._complain(str(error))
        else:
            self._ring, self._stamp, self._complaint = ring, stamp, ""
            _logger.info(
                "key_ring_changed directory=%s signing_key=%s published=%s",
                self._directory,
                ring.signing_key.kid,
                ",".join(key["kid"] for key in ring.jwks()["keys"]),
            )

    def _open(self, before: KeyRing | None) -> tuple[KeyRing, tuple[int, ...] | None]:
        # The stamp is older than what is read: a change in between is seen at the next look.
        stamp = ring_stamp(self._directory)
        for _ in range(_ATTEMPTS - 1):
            try:
                return KeyRing.open(self._directory, before=before), stamp
            except ConfigurationError:
                # A key that was withdrawn in between has no file any more: the ring is good.
                changed_to = ring_stamp(self._directory)
                if changed_to == stamp:
                    raise
                stamp = changed_to
        return KeyRing.open(self._directory, before=before), stamp

    def _complain(self, complaint: str) -> None:
        # Once, not at every look; the old keys go on.
        if complaint != self._complaint:
            _logger.error("key_ring_unusable directory=%s reason=%s", self._directory, complaint)
            self._complaint = complaint
