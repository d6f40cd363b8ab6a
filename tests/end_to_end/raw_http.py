"""Requests as bytes on a socket, for what no well-behaved client sends."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 60  # seconds for one answer


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back on one connection."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """Headers and body, wherever something may have been repeated."""
        return f"{self.headers}{self.body.decode('latin-1')}"


def ask(address: str, request: bytes) -> RawAnswer:
    """Send the bytes of one request, and read its answer.

    Args:
        address: ``http://127.0.0.1:PORT``.
        request: Complete or not; a server may well answer before it has all.
    """
    with _connection(address) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return _read(connection, request)


def ask_at_once(requests: Iterable[tuple[str, bytes]]) -> list[RawAnswer]:
    """Send many requests, each to its address, so that their last bytes go out together."""
    with ExitStack() as stack:
        waiting = []
        for address, request in requests:
            connection = stack.enter_context(_connection(address))
            connection.sendall(request[:-1])
            waiting.append((connection, request))
        for connection, request in waiting:
            connection.sendall(request[-1:])
        return [_read(connection, request) for connection, request in waiting]


def get_request(url: str, *, host: str = "", headers: Iterable[str] = ()) -> bytes:
    """Write a GET; every part of it is sent as it is given."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return head(f"GET {target} HTTP/1.1", f"Host: {host or parts.netloc}", *headers)


def head(*lines: str) -> bytes:
    """Write the head of a request after which the connection is closed."""
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


@contextmanager
def _connection(address: str) -> Iterator[socket.socket]:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE) as connection:
        yield connection


def _read(connection: socket.socket, request: bytes) -> RawAnswer:
    method = request.partition(b" ")[0].decode("latin-1")
    response = http.client.HTTPResponse(connection, method=method)
    with response:
        response.begin()
        return RawAnswer(response.status, response.headers, response.read())
