"""Logout: tells a client, server to server, that sessions of its users have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_handoff.errors import LogoutNotDeliveredError, SigningUnavailableError
from flask_handoff.tokens import TokenMinter

from .clients import Client

DEADLINE = timedelta(seconds=5)  # from the request until the last byte of the answer

_DONE = frozenset({200, 204})  # some frameworks make a 204 of an empty 200


def deliver_logout(
    minter: TokenMinter,
    client: Client,
    *,
    ended_at: datetime,
    session_id: str | None = None,
    subject: str | None = None,
    deadline: timedelta = DEADLINE,
) -> None:
    """Tell one client, once, which of its users' sessions have ended, see ``send_logout``.

    Each try mints a token of its own, so that one that was lost on the way is good for nothing.
    """
    from flask_handoff.bounded_http import RequestFailedError, bounded_request

    if client.backchannel_logout_uri is None:
        raise LogoutNotDeliveredError("the client has no backchannel_logout_uri")
    try:
        token = minter.mint_logout(
            audience=client.client_id, ended_at=ended_at, session_id=session_id, subject=subject
        )
        with bounded_request(
            "POST",
            client.backchannel_logout_uri,
            headers={"Accept": "application/json"},
            data={"logout_token": token},
            longest_body=0,  # it says nothing that would make a difference
            deadline=deadline,
        ) as response:
            status = response.status_code
    except (RequestFailedError, SigningUnavailableError) as error:
        raise LogoutNotDeliveredError(str(error)) from error
    if status not in _DONE:
        raise LogoutNotDeliveredError(f"expected status 200, got {status}")
