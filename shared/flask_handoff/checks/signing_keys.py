"""The issuer's own keys: one signs, and its time comes to be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from flask_handoff.errors import ConfigurationError, HandoffError
from flask_handoff.issuer.context import IssuerContext
from flask_handoff.keys import (
    RingEntry,
    activation_allowed_at,
    read_ring,
    retirement_allowed_at,
)
from flask_handoff.keys.signer import PROBE

from .findings import Finding, ok, warning, wrong

ROTATED_AFTER = timedelta(days=365)

_KEYS = "signing key"


def check_keys(issuer: IssuerContext) -> Iterator[Finding]:
    """Have the key sign something, and read when each key of the directory was made."""
    try:
        kid = _sign(issuer)
    except ConfigurationError as error:
        yield wrong(_KEYS, error.problem, error.remedy)
        return
    except (HandoffError, InvalidSignature) as error:
        reason = str(error) or "what comes is no signature by it"
        text = f"It does not sign: {reason}."
        yield wrong(_KEYS, text, "See that what holds the key can be reached.")
        return
    yield ok(_KEYS, f"{kid} signs.")
    if issuer.config.keys_directory is None:
        return
    try:
        ring = read_ring(issuer.config.keys_directory)
    except ConfigurationError as error:
        yield wrong(_KEYS, error.problem, error.remedy)
        return
    yield from _steps_due(ring, issuer.clock())


def _sign(issuer: IssuerContext) -> str:
    signer = issuer.keys.signing_key
    issuer.keys.key(signer.kid).public_key.verify(
        signer.sign(PROBE), PROBE, padding.PKCS1v15(), hashes.SHA256()
    )
    return signer.kid


def _steps_due(ring: tuple[RingEntry, ...], now: datetime) -> Iterator[Finding]:
    for entry in ring:
        if entry.signs and entry.activated_at and now - entry.activated_at > ROTATED_AFTER:
            days = (now - entry.activated_at).days
            yield warning(
                _KEYS,
                f"{entry.kid} has signed for {days} days.",
                "Rotate it: flask handoff-keys stage, then activate, then retire.",
            )
        elif entry.state == "staged" and now >= activation_allowed_at(entry) + timedelta(days=7):
            yield warning(
                _KEYS,
                f"{entry.kid} has been staged since {entry.created_at:%Y-%m-%d}.",
                f"Go on with the rotation: flask handoff-keys activate {entry.kid}",
            )
        elif entry.is_replaced and now >= retirement_allowed_at(entry) + timedelta(days=7):
            yield warning(
                _KEYS,
                f"{entry.kid} signs no longer, and is still published.",
                f"End the rotation: flask handoff-keys retire {entry.kid}",
            )
