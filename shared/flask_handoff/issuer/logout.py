"""Logout: tells a client, server to server, that sessions of its users have ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from flask_handoff.errors import LogoutNotDeliveredError
from flask_handoff.tokens import TokenMinter

from .clients import Client
from .notices import DEADLINE, post_notice


def deliver_logout(
    minter: TokenMinter,
    client: Client,
    *,
    ended_at: datetime,
    session_id: str | None = None,
    subject: str | None = None,
    valid_after: datetime | None = None,
    deadline: timedelta = DEADLINE,
    ca_file: Path | None = None,
) -> None:
    """Tell one client, once, which of its users' sessions have ended, see ``send_logout``."""
    post_notice(
        client.backchannel_logout_uri,
        lambda: {
            "logout_token": minter.mint_logout(
                audience=client.client_id,
                ended_at=ended_at,
                session_id=session_id,
                subject=subject,
                valid_after=valid_after,
            )
        },
        {"Accept": "application/json"},
        done=(200, 204),  # some frameworks make a 204 of an empty 200
        deadline=deadline,
        ca_file=ca_file,
        failure=lambda reason: LogoutNotDeliveredError(
            reason or "the client has no backchannel_logout_uri"
        ),
    )
