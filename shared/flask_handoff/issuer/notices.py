"""Notices: what SERVER1 tells a client, server to server, in one signed token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from flask_handoff.errors import HandoffError, SigningUnavailableError

DEADLINE = timedelta(seconds=5)  # from the request until the last byte of the answer


def post_notice(
    uri: str | None,
    minted: Callable[[], str | Mapping[str, str]],
    headers: Mapping[str, str],
    *,
    done: Sequence[int],
    deadline: timedelta,
    ca_file: Path | None,
    failure: Callable[[str], HandoffError],
) -> None:
    """Post one token, within the bounds of ``bounded_request``.

    Args:
        uri: Where to; None where the client is registered without.
        minted: Mints the body anew, so that a token that was lost on the way is good for nothing.
        ca_file: See ``bounded_request``.
        done: The statuses that mean it is done; the first is the standard's.
        failure: Makes the error to raise of a reason; of an empty one where there is no *uri*.
    """
    from flask_handoff.bounded_http import RequestFailedError, bounded_request

    if uri is None:
        raise failure("")
    try:
        with bounded_request(
            "POST",
            uri,
            headers=headers,
            data=minted(),
            longest_body=0,  # it says nothing that would make a difference
            deadline=deadline,
            ca_file=ca_file,
        ) as response:
            status = response.status_code
    except (RequestFailedError, SigningUnavailableError) as error:
        raise failure(str(error)) from error
    if status not in done:
        raise failure(f"expected status {done[0]}, got {status}")
