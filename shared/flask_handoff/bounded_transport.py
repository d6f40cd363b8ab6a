"""A session of requests that pays for every single read from the socket out of one allowance.

requests bounds the pause between two reads, never their sum, and reads a body or a line of any
length.
"""

from __future__ import annotations

import time
from datetime import timedelta
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer
    from urllib3 import HTTPConnectionPool


class Allowance:
    """How long and how much one exchange may still read."""

    def __init__(self, deadline: timedelta, octets: int) -> None:
        self.spent: str | None = None
        self._seconds = deadline.total_seconds()
        self._ends_at = time.monotonic() + self._seconds
        self._octets = octets

    def seconds_left(self) -> float:
        """Tell how long may still be read; raises ``TimeoutError`` when that is no longer."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise self.time_is_up()
        return left

    def time_is_up(self) -> TimeoutError:
        """Note that the time is up, and return what to raise."""
        self.spent = f"no complete answer within {self._seconds:g} s"
        return TimeoutError(self.spent)

    def take(self, octets: int) -> None:
        """Take what was read off; raises ``OSError`` when it is too much."""
        self._octets -= octets
        if self._octets < 0:
            self.spent = "the answer is too long"
            raise OSError(self.spent)


class _AllowedReader(RawIOBase):
    """Reads from a socket, TLS or not, as long as the allowance lasts."""

    def __init__(self, raw: RawIOBase, connection: socket.socket, allowance: Allowance) -> None:
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


def _response_class(allowance: Allowance) -> type[HTTPResponse]:
    # Status line, headers, chunk sizes and body all come through this one reader.
    class AllowedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = BufferedReader(_AllowedReader(self.fp.detach(), sock, allowance))

    return AllowedResponse


class _Adapter(HTTPAdapter):
    """Opens connections whose answers are read out of one allowance."""

    def __init__(self, allowance: Allowance) -> None:
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


def bounded_session(allowance: Allowance, ca_file: Path | None) -> requests.Session:
    """Make a session that looks at nothing in the environment and reads within *allowance*."""
    session = _Session()
    session.trust_env = False
    session.verify = str(ca_file) if ca_file is not None else True
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "flask-handoff"})
    session.mount("https://", _Adapter(allowance))
    session.mount("http://", _Adapter(allowance))
    return session
