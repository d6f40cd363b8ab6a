"""What a command that ends something says of it: where, how many, and when that is certain."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_handoff import Client, shown
from flask_handoff.profiles import ACCESS
from server1 import clock


def access_to(accounts: int) -> str:
    """Say to how many accounts a client had access while their users were away."""
    return f"access to {accounts} account" + ("" if accounts == 1 else "s")


def sessions_end(client: Client | None, client_id: str, count: int) -> str:
    """Say what becomes of the sessions at a client; None for one that is not registered."""
    name = shown(client_id) if client is None else client.name
    if not count:
        return f"No session at {name} was known here."
    sessions = "1 session" if count == 1 else f"{count} sessions"
    end, they = ("ends", "it expires") if count == 1 else ("end", "they expire")
    if client is None or client.backchannel_logout_uri is None:
        why = "no backchannel_logout_uri, so nobody can tell it"
        return f"{sessions} at {name} {end} when {they} there: it has {why}."
    return (
        f"{sessions} at {name} {end} within seconds, once it answers;"
        " the command outbox list shows what it has not confirmed."
    )


def sessions_end_at_services(count: int) -> str:
    """Say what becomes of sessions at whatever services."""
    if not count:
        return "No session at a service was known here."
    sessions, end = ("1 session", "ends") if count == 1 else (f"{count} sessions", "end")
    return (
        f"{sessions} at services {end} within seconds, once each answers; the command outbox list"
        " shows what they have not confirmed. One without a backchannel_logout_uri keeps its own."
    )


def now() -> datetime:
    """Return since when what is issued counts, after a cut of now."""
    return clock.now().replace(microsecond=0) + timedelta(seconds=1)


def tokens_dead(valid_after: datetime) -> str:
    """Say from when on access tokens from before that second are refused everywhere."""
    # The last of them is dated a second before. A service goes by its own clock, and its leeway.
    last = valid_after - timedelta(seconds=1) + ACCESS.lifetime + ACCESS.leeway
    return (
        "Access tokens that this ended are dead at SERVER1 now, and at services at the latest at "
        f"{last:%H:%M:%S}Z."
    )
