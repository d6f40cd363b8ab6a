"""One HTTP request to another server, bounded in time and in bytes whatever the other side does.

requests takes as long to import as Flask, and most processes never send anything: import this
module where something is sent. requests itself bounds the pause between two reads, never their sum,
and reads a line of any length; so every single read from the socket is checked here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import requests
from requests.adapters import HTTPAdapter

from .errors import HandoffError

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer
    from urllib3 import HTTPConnectionPool

CONNECT_TIMEOUT = timedelta(seconds=2)  # for one address of the host, TLS handshake not included
MAXIMUM_ENVELOPE_BYTES = 16 * 1024  # status lines, headers, chunk sizes and trailers together

_HEADERS = {
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "flask-handoff",
}


class RequestFailedError(Exception):
    """There was no complete answer within the bounds. The text holds nothing of what came."""


class _BoundExceededError(OSError):
    pass


@contextmanager
def bounded_request(
    method: Literal["GET", "POST"],
    uri: str,
    *,
    headers: Mapping[str, str],
    longest_body: int,
    deadline: timedelta,
    data: Mapping[str, str] | str | None = None,
    ca_file: Path | None = None,
) -> Iterator[requests.Response]:
    """Send a request once: no redirects, no proxies, no netrc, no compression, nothing kept open.

    Looking up the host's name is not covered by the deadline, and each of its addresses may take
    the connect timeout: call it where nobody waits longer than they want to.

    Args:
        uri: One that ``is_plain_address``.
        headers: Beside those that every request has.
        longest_body: Bytes that may be read of the answer's body.
        deadline: From the request until the last byte of the answer.
        data: The body: the fields of a form, or text whose type *headers* name.
        ca_file: PEM file of the authorities to trust in place of the public ones.

    Yields:
        The answer, whatever its status; its body is not read yet.

    Raises:
        RequestFailedError: It cannot be sent, or what is read in the block exceeds the bounds.
    """
    seconds = deadline.total_seconds()
    adapter = _BoundedAdapter(seconds, MAXIMUM_ENVELOPE_BYTES + longest_body)
    try:
        request = requests.Request(method, uri, headers={**_HEADERS, **headers}, data=data)
        # Without a session: that one reads the environment, and the whole body of a redirect.
        with (
            closing(adapter),
            adapter.send(
                request.prepare(),
                stream=True,
                timeout=(min(CONNECT_TIMEOUT.total_seconds(), seconds), seconds),
                verify=True if ca_file is None else str(ca_file),
            ) as response,
        ):
            yield response
    except (HandoffError, RequestFailedError):
        raise
    except Exception as error:
        # requests lets exceptions of urllib3, ssl, idna and the standard library through.
        raise RequestFailedError(_reason(error)) from error


def read_body(response: requests.Response, longest: int) -> bytes:
    """Read the body of an answer, inside of ``bounded_request``.

    Raises:
        RequestFailedError: It is longer than so many bytes, or compressed.

    Source: RFC 9110, sections 8.4 (Content-Encoding) and 12.5.3 (identity is none).
    """
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        # A hundred packed kilobytes can be a hundred megabytes.
        raise RequestFailedError("expected an answer without Content-Encoding")
    body = b""
    # read(), not iter_content(): that one reads a chunk's size line of any length into memory.
    # Until it returns nothing, or a body that breaks off would go unnoticed.
    while part := response.raw.read(longest + 1 - len(body), decode_content=False):
        body += part
        if len(body) > longest:
            raise RequestFailedError(f"the body is longer than {longest} bytes")
    return body


def server_date(response: requests.Response) -> datetime | None:
    """Return the time of the other side's clock; None where there is no ``Date`` to be read."""
    headers: Mapping[str, str] = response.headers
    with suppress(TypeError, ValueError, LookupError, OverflowError):
        date = parsedate_to_datetime(headers["Date"])
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    return None


class _BoundedAdapter(HTTPAdapter):
    """Sends one request, whose answer is read within the bounds."""

    def __init__(self, seconds: float, octets: int) -> None:
        super().__init__(max_retries=0)
        self._bounded = partial(
            _BoundedReader, ends_at=time.monotonic() + seconds, seconds=seconds, octets=octets
        )

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(*args, **kwargs))
        bounded = self._bounded

        # Status line, headers, chunk sizes and body all come through this one reader.
        class BoundedResponse(HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                self.fp = BufferedReader(bounded(self.fp.detach(), sock))

        plain = pool.ConnectionCls
        pool.ConnectionCls = type(plain.__name__, (plain,), {"response_class": BoundedResponse})
        return pool


class _BoundedReader(RawIOBase):
    """Reads from a socket, TLS or not, up to a moment and so many octets."""

    def __init__(
        self,
        raw: RawIOBase,
        connection: socket.socket,
        *,
        ends_at: float,
        seconds: float,
        octets: int,
    ) -> None:
        self._raw = raw
        self._connection = connection
        self._ends_at = ends_at
        self._too_late = f"no complete answer within {seconds:g} s"
        self._octets = octets

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise _BoundExceededError(self._too_late)
        self._connection.settimeout(left)
        try:
            octets = cast(int, self._raw.readinto(buffer))
        except TimeoutError:
            raise _BoundExceededError(self._too_late) from None
        self._octets -= octets
        if self._octets < 0:
            raise _BoundExceededError("the answer is too long")
        return octets

    def close(self) -> None:
        self._raw.close()
        super().close()


def _reason(error: BaseException) -> str:
    while not isinstance(error, _BoundExceededError):
        if error.__context__ is None:
            return f"the request failed ({type(error).__name__})"
        error = error.__context__
    return str(error)
