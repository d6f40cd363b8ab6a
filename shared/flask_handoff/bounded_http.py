"""One HTTP request to another server, bounded in time and in bytes whatever the other side does.

What keeps the bounds stands in ``bounded_transport``, which is imported when something is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .errors import HandoffError

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = timedelta(seconds=2)  # for one address of the host, TLS handshake not included
DEADLINE = timedelta(seconds=5)  # from the request until the last byte of the answer
MAXIMUM_ENVELOPE_BYTES = 16 * 1024  # status lines, headers, chunk sizes and trailers together


class RequestFailedError(Exception):
    """There was no complete answer within the bounds. The text holds nothing of what came."""


@contextmanager
def bounded_request(
    method: Literal["GET", "POST"],
    uri: str,
    *,
    headers: Mapping[str, str],
    longest_body: int,
    data: Mapping[str, str] | None = None,
    deadline: timedelta = DEADLINE,
    ca_file: Path | None = None,
) -> Iterator[requests.Response]:
    """Send a request once: no redirects, no proxies, no netrc, no compression, nothing kept open.

    Looking up the host's name is not covered by the deadline, and each of its addresses may take
    the connect timeout: call it where nobody waits longer than they want to.

    Args:
        method: ``GET`` or ``POST``.
        uri: One that ``is_plain_address``.
        headers: Beside those that every request has.
        longest_body: Bytes that may be read of the answer's body.
        data: The fields of a form, sent as the body.
        deadline: From the request until the last byte of the answer.
        ca_file: PEM file of the authorities to trust in place of the public ones.

    Yields:
        The answer, whatever its status; its body is not read yet.

    Raises:
        RequestFailedError: It cannot be sent, or what is read in the block exceeds the bounds.
    """
    # requests takes as long to import as Flask, and most processes never send anything.
    from .bounded_transport import Allowance, bounded_session

    allowance = Allowance(deadline, MAXIMUM_ENVELOPE_BYTES + longest_body)
    try:
        with (
            bounded_session(allowance, ca_file) as session,
            session.request(
                method,
                uri,
                headers=dict(headers),
                data=data,
                allow_redirects=False,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, deadline).total_seconds(), deadline.total_seconds()),
            ) as response,
        ):
            yield response
    except HandoffError:
        raise
    except Exception as error:
        # requests lets exceptions of urllib3, ssl, idna and the standard library through.
        reason = allowance.spent or f"the request failed ({_innermost(error)})"
        raise RequestFailedError(reason) from error


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return type(error).__name__
