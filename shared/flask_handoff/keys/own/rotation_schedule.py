"""When a key may take its next step: not before everyone has seen it, not before it is needed.

The numbers of the life cycle stand here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import ceil

from flask_handoff.errors import KeyLifeCycleError
from flask_handoff.keys.jwks import JWKS_MAX_AGE, MAXIMUM_JWKS_KEYS
from flask_handoff.profiles import PROFILES

from .ring_file import RingEntry

PICK_UP_TIME = timedelta(seconds=10)
"""From a change of the ring until every running issuer follows it; as a rule one second."""

LONGEST_TOKEN_LIFE = max(profile.lifetime + profile.leeway for profile in PROFILES.values())
"""From the minting of a token until no receiver takes it any more."""

PUBLICATION_TIME = PICK_UP_TIME + JWKS_MAX_AGE
"""From the publication of a key until no receiver holds a key set without it."""

RETENTION_TIME = PICK_UP_TIME + LONGEST_TOKEN_LIFE + JWKS_MAX_AGE
"""From the last signature of a key until nobody needs it any more."""


def activation_allowed_at(entry: RingEntry) -> datetime:
    """Return when a staged key may begin to sign."""
    return entry.created_at + PUBLICATION_TIME


def retirement_allowed_at(entry: RingEntry) -> datetime:
    """Return when a key that does not sign may be withdrawn; a staged one may at any time."""
    if entry.replaced_at is None:
        return entry.created_at
    return entry.replaced_at + RETENTION_TIME


def check_room(entries: Iterable[RingEntry]) -> None:
    """Check that one more key may be published.

    Raises:
        KeyLifeCycleError: Receivers would refuse a key set of this size.
    """
    if sum(entry.is_published for entry in entries) >= MAXIMUM_JWKS_KEYS:
        raise KeyLifeCycleError(
            f"{MAXIMUM_JWKS_KEYS} keys are published, and receivers take no more. "
            "Retire those that were replaced."
        )


def check_activation(entry: RingEntry, ring: Iterable[RingEntry], now: datetime) -> None:
    """Check that a key may begin to sign.

    A ring in which no key signs is left without waiting: nobody can be handed on meanwhile.

    Raises:
        KeyLifeCycleError: It is not staged, or a receiver may not have seen it yet.
    """
    if entry.state != "staged":
        raise KeyLifeCycleError(f"Key {entry.kid} is {entry.state}, not staged.")
    allowed_at = activation_allowed_at(entry)
    if now < allowed_at and any(other.signs for other in ring):
        raise KeyLifeCycleError(
            f"Key {entry.kid} is published since {utc(entry.created_at)}: "
            f"a receiver may not have seen it yet. {_try_again(allowed_at, now)}",
            again_at=allowed_at,
        )


def check_retirement(entry: RingEntry, now: datetime) -> None:
    """Check that a key may be withdrawn.

    Raises:
        KeyLifeCycleError: It signs, it is withdrawn already, or a token that it signed may live.
    """
    check_is_published(entry)
    if entry.signs:
        raise KeyLifeCycleError(
            f"Key {entry.kid} signs: activate another one first. "
            "If it has been seen by somebody, revoke it."
        )
    allowed_at = retirement_allowed_at(entry)
    if entry.replaced_at is not None and now < allowed_at:
        raise KeyLifeCycleError(
            f"Key {entry.kid} signed until {utc(entry.replaced_at)}: "
            f"its tokens have to be checked for a while yet. {_try_again(allowed_at, now)}",
            again_at=allowed_at,
        )


def check_is_published(entry: RingEntry) -> None:
    """Check that a key has not been withdrawn yet.

    Raises:
        KeyLifeCycleError: It is retired or revoked.
    """
    if not entry.is_published:
        raise KeyLifeCycleError(f"Key {entry.kid} is {entry.state} already.")


def utc(instant: datetime) -> str:
    """Write an instant as ``2026-01-31 14:05:10 UTC``."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _try_again(allowed_at: datetime, now: datetime) -> str:
    wait = timedelta(seconds=ceil((allowed_at - now).total_seconds()))
    return f"Try again in {wait}, at {utc(allowed_at)}."
