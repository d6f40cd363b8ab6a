"""What the grants at the token endpoint have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from flask_handoff.claims import SignedInUser

from .clients import Client

TokenUserHook = Callable[[Client, str, str | None], SignedInUser | None]


def one_transaction(store: object, *, reads: bool = False) -> AbstractContextManager[object]:
    """Begin the transaction that a store was lent by the application; none where it was not.

    Args:
        reads: One that only reads.
    """
    begin: Callable[[], AbstractContextManager[object]] | None
    begin = getattr(store, "reading" if reads else "transaction", None)
    return nullcontext() if begin is None else begin()


def sha256(secret: str) -> str:
    """Return what is kept of a code or a refresh token: its SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
