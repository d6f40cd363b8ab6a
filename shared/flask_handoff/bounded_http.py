"""One HTTP request to another server, bounded in time and in bytes whatever the other side does.

requests bounds the pause between two reads, never their sum, and reads a body or a line of any
length. Here every single read from the socket is paid for out of one allowance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
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
    allowance = _Allowance(deadline, MAXIMUM_ENVELOPE_BYTES + longest_body)
    try:
        with (
            _session(allowance, ca_file) as session,
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


class _Allowance:
    """How long and how much one exchange may still read."""

    def __init__(self, deadline: timedelta, octets: int) -> None:
        self.spent: str | None = None
        self._seconds = deadline.total_seconds()
        self._ends_at = time.monotonic() + self._seconds
        self._octets = octets

    def seconds_left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise self.time_is_up()
        return left

    def time_is_up(self) -> TimeoutError:
        self.spent = f"no complete answer within {self._seconds:g} s"
        return TimeoutError(self.spent)

    def take(self, octets: int) -> None:
        self._octets -= octets
        if self._octets < 0:
            self.spent = "the answer is too long"
            raise OSError(self.spent)


class _AllowedReader(RawIOBase):
    """Reads from a socket, TLS or not, as long as the allowance lasts."""

    def __init__(self, raw: RawIOBase, connection: socket.socket, allowance: _Allowance) -> None:
        self._raw = raw
        self._connection = connection
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        self._connection.settimeout(self._allowance.seconds_left())
        try:
            octets = cast("int | None", self._raw.readinto(buffer))
        except TimeoutError:
            raise self._allowance.time_is_up() from None
        self._allowance.take(octets or 0)
        return octets

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response_class(allowance: _Allowance) -> type[HTTPResponse]:
    # Status line, headers, chunk sizes and body all come through this one reader.
    class AllowedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = BufferedReader(_AllowedReader(self.fp.detach(), sock, allowance))

    return AllowedResponse


class _Adapter(HTTPAdapter):
    """Opens connections whose answers are read out of one allowance."""

    def __init__(self, allowance: _Allowance) -> None:
        self._response_class = _response_class(allowance)
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(*args, **kwargs))
        plain = pool.ConnectionCls
        pool.ConnectionCls = type(
            plain.__name__, (plain,), {"response_class": self._response_class}
        )
        return pool


class _Session(requests.Session):
    """A session that never looks where a redirect leads."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # requests reads and unpacks the whole body of a redirect, also where it may not follow it.
        return None


def _session(allowance: _Allowance, ca_file: Path | None) -> requests.Session:
    session = _Session()
    session.trust_env = False
    session.verify = str(ca_file) if ca_file is not None else True
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "flask-handoff"})
    session.mount("https://", _Adapter(allowance))
    session.mount("http://", _Adapter(allowance))
    return session


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return type(error).__name__
