"""When a key may take its next step: not before everyone has seen it, not while it is needed.

The numbers of the life cycle stand here, and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask_handoff.keys.jwks import JWKS_MAX_AGE
from flask_handoff.profiles import ACCESS, HANDOFF, LOGOUT, OIDC, REVOCATION

from .ring_file import RingEntry

PICK_UP_TIME = timedelta(seconds=10)
"""From a change of the ring until every running issuer follows it; as a rule one second."""

LONGEST_TOKEN_LIFE = max(
    profile.lifetime + profile.leeway for profile in (HANDOFF, OIDC, LOGOUT, REVOCATION, ACCESS)
)
"""From the minting of a token until no receiver takes it any more."""

PUBLICATION_TIME = PICK_UP_TIME + JWKS_MAX_AGE
"""From the publication of a key until no receiver holds a key set without it."""

RETENTION_TIME = PICK_UP_TIME + LONGEST_TOKEN_LIFE + JWKS_MAX_AGE
"""From the last signature of a key until no receiver needs it any more."""


def activation_allowed_at(entry: RingEntry) -> datetime:
    """Return when a staged key may begin to sign."""
    return entry.created_at + PUBLICATION_TIME


def retirement_allowed_at(entry: RingEntry) -> datetime:
    """Return when a key that does not sign may be retired; a staged one may at any time."""
    if entry.replaced_at is None:
        return entry.created_at
    return entry.replaced_at + RETENTION_TIME


def utc(instant: datetime) -> str:
    """Write an instant as ``2026-01-31 14:05:10 UTC``."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
