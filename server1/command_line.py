"""How commands write what several of them show."""

from __future__ import annotations

from datetime import datetime

from .queues import Waiting


def next_attempt(waiting: Waiting, now: datetime, *, under_way: str) -> str:
    """Say when something that waits in a queue is tried next.

    Args:
        waiting: What waits.
        now: The present time.
        under_way: What to say where somebody tries it at this moment.
    """
    if waiting.claimed_until is not None and waiting.claimed_until > now:
        return under_way
    if waiting.given_up:
        return "given up"
    return "now" if waiting.due_at <= now else to_the_minute(waiting.due_at)


def to_the_minute(moment: datetime) -> str:
    """Write an instant as a person at a terminal reads it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
