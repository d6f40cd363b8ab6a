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
    """Tell one client, once, which of its users' sessions have ended. Takes seconds at worst.

    Each attempt mints a token of its own, so that one that was lost on the way is good for nothing.

    Args:
        minter: Of the issuer.
        client: One with a ``backchannel_logout_uri``.
        ended_at: When they ended. A later session of the same account is not meant.
        session_id: The ``sid`` of the one session that ended; None for all of the account's.
        subject: The account; it may be left out where the session is named.
        deadline: From the request until the last byte of the answer.

    Raises:
        LogoutNotDeliveredError: The token cannot be signed, or the client cannot be reached, or
            does not answer within the bounds that it is done. The text says why, and holds nothing
            of what came.
        ValueError: Neither a session nor an account is named.

    Source: OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8.
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
