"""How often an issuer is asked for its keys, how long they are trusted, and by which clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from flask_handoff.keys.jwks import JWKS_MAX_AGE

CACHE_LIFETIME = JWKS_MAX_AGE
RENEWAL_SHARE = 0.8  # of the lifetime: renewed early, so that nobody meets an expired set
STALE_IF_ERROR = timedelta(seconds=3600)  # after expiry, while nothing newer is available
ATTEMPT_INTERVAL = timedelta(seconds=10)  # at least, from one attempt to the next

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often keys are asked for, and how long they are trusted.

    Args:
        lifetime: How long a set is used without a question.
        interval: Between the starts of two attempts, whatever became of the first.
        patience: How long an attempt is waited for, counted from its start.
        stale: How long past its lifetime a set is used while nothing newer is available.
    """

    lifetime: timedelta
    interval: timedelta
    patience: timedelta
    stale: timedelta = STALE_IF_ERROR


def uptime() -> float:
    """Tell the seconds since boot, with those that the machine slept where it counts them.

    ``time.monotonic`` stands still while a machine sleeps: a withdrawn key would outlive the night.
    """
    return time.clock_gettime(_BOOT_CLOCK) if _BOOT_CLOCK is not None else time.monotonic()
