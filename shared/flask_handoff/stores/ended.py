"""What the stores have in common that keep what has ended."""

from __future__ import annotations

from datetime import datetime

from flask_handoff.claims import Logout

GOES_ON = "cut"
"""In a store, the claim by which a session is kept that ended here and goes on at its issuer."""


def kept_logout(logout: Logout) -> tuple[str, str, datetime]:
    """Return what a store keeps of a logout: a claim, its value, and the instant that counts."""
    claim, value = logout.named_by
    if logout.valid_after is None:
        return claim, value, logout.ended_at
    return GOES_ON, value, logout.valid_after


def ending(*, audience: str | None = None, **named: str | None) -> dict[str, str]:
    """Return what codes are to be ended by.

    Raises:
        ValueError: Nobody is named.
    """
    if not any(named.values()):
        raise ValueError("neither an account nor a client is named")
    given = {**named, "audience": audience}
    return {name: value for name, value in given.items() if value is not None}
