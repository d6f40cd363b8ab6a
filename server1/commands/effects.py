"""What a command that ends something says of it: where, how many, and when that is certain."""

from __future__ import annotations

from datetime import datetime

from flask_handoff import Client, shown
from flask_handoff.profiles import ACCESS


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


def tokens_dead(now: datetime) -> str:
    """Say from when on access tokens from before *now* are refused everywhere."""
    # Those of this very second too; a service goes by its own clock, and allows for the leeway.
    last = now.replace(microsecond=0) + ACCESS.lifetime + ACCESS.leeway
    return (
        "Access tokens already issued are dead at SERVER1 now, and at services at the latest at "
        f"{last:%H:%M:%S}Z."
    )
