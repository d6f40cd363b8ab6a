"""Which tokens were found genuine: a program presents the same one again and again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask_handoff.claims import AccessClaims
from flask_handoff.keys import VerificationKey

MOST = 1024  # tokens, of about a kilobyte each


@dataclass(slots=True)
class GenuineToken:
    """What one key has signed."""

    key: VerificationKey
    payload: Mapping[str, Any]
    claims: AccessClaims | None = None
    """What the payload says, once each claim was found to be of its form; nothing was judged."""


class GenuineTokens:
    """Remembers what keys were found to have signed, for one issuer; threads may share it.

    It knows what is true of a token for ever: its signature, and what its claims say. Dates,
    audience, revocation and all else are checked each time.
    Only what is genuine gets in, so forgeries push nothing out. A token is kept as its SHA-256,
    with the very object that the key was: when the key source gives another one for that name, or
    none, nothing is known any more.

    Args:
        most: How many; those that were presented least lately go.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._found: OrderedDict[bytes, GenuineToken] = OrderedDict()
        self._lock = Lock()

    def find(self, unverified_token: str, key: VerificationKey) -> GenuineToken | None:
        """Return what this key signed in this token; None where that is not known."""
        digest = _digest(unverified_token)
        with self._lock:
            found = self._found.get(digest)
            if found is None:
                return None
            if found.key is not key:
                del self._found[digest]
                return None
            self._found.move_to_end(digest)
            return found

    def keep(
        self,
        token: str,
        key: VerificationKey,
        payload: Mapping[str, Any],
        claims: AccessClaims | None = None,
    ) -> GenuineToken:
        """Remember a token whose signature by this key is good, and what was read in it."""
        kept = GenuineToken(key, payload, claims)
        with self._lock:
            self._found[_digest(token)] = kept
            if len(self._found) > self._most:
                self._found.popitem(last=False)
        return kept


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
