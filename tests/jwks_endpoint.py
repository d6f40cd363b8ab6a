"""A JWKS endpoint on loopback that answers as it is told, well or badly, in raw bytes."""

import functools
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.keys import VerificationKey

Answer = Callable[[socket.socket], None]


class FakeMonotonic:
    """A monotonic clock that stands until it is told to go on."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now

    def tick(self, seconds):
        self.now += seconds


class JWKSEndpoint:
    """Listens on a free port and hands each request to ``answer``; counts the requests.

    Args:
        answer: Writes the response to the socket; may be exchanged at any time.
        tls: Wraps connections in TLS.
        listens_first: Reads the request before it answers; False answers the bare connection.
    """

    def __init__(
        self, answer: Answer, *, tls: ssl.SSLContext | None = None, listens_first: bool = True
    ):
        self.answer = answer
        self.requests: list[bytes] = []
        self.left = threading.Event()  # a client closed its connection
        self.stopped = threading.Event()
        self._tls = tls
        self._listens_first = listens_first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        scheme = "http" if tls is None else "https"
        self.uri = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/.well-known/jwks.json"

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """End every connection, whatever is still said on it. May be called again."""
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        self._listener.close()

    @property
    def count(self):
        return len(self.requests)

    def _start(self, work, *args):
        thread = threading.Thread(target=work, args=args, name="jwks-endpoint")
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while not self.stopped.is_set():
                connection = self._listener.accept()[0]
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection):
        with connection, suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._connections.append(connection)
            with connection, suppress(OSError):
                self.requests.append(_request(connection) if self._listens_first else b"")
                self.answer(connection)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        if not self.stopped.is_set():
            self.left.set()


@functools.cache
def public_key() -> rsa.RSAPublicKey:
    """One RSA key for every ``kid``: only names matter to whoever holds keys."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()


def jwks(*kids: str) -> bytes:
    keys = [VerificationKey(kid, public_key()).to_jwk() for kid in kids]
    return json.dumps({"keys": keys}).encode()


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sends(*parts: bytes) -> Answer:
    """Answer with these bytes, then end the stream."""

    def answer(connection):
        for part in parts:
            connection.sendall(part)

    return answer


def publishes(*kids: str) -> Answer:
    """Answer with a good JWK Set of these keys."""
    return sends(response(jwks(*kids), "Content-Type: application/jwk-set+json"))


def fails() -> Answer:
    return sends(response(b"", status="500 Internal Server Error"))


def endless(head: bytes, part: bytes) -> Answer:
    """Answer with the head, then the part again and again as fast as it is taken."""
    block = part * max(1, 65536 // len(part))

    def answer(connection):
        connection.sendall(head)
        while True:
            connection.sendall(block)

    return answer


def drip(head: bytes, part: bytes, *, pause: float = 0.02) -> Answer:
    """Answer with the head, then with the part again and again, never long silent."""

    def answer(connection):
        connection.sendall(head)
        for octet in _again(part):
            connection.sendall(octet)
            time.sleep(pause)

    return answer


def says_nothing(connection: socket.socket) -> None:
    """Keep the connection open until the other side gives up."""
    while connection.recv(4096):
        pass


def eventually(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    """Wait until the condition holds, for something that another thread does."""
    ends_at = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends_at, "it never came about"
        time.sleep(0.002)


def never(condition: Callable[[], bool], *, within: float = 0.05) -> None:
    """Make sure that another thread does not do something, as far as a short look can tell."""
    ends_at = time.monotonic() + within
    while time.monotonic() < ends_at:
        assert not condition()
        time.sleep(0.002)


def _again(part: bytes) -> Iterator[bytes]:
    while True:
        for number in part:
            yield bytes([number])


def _request(connection: socket.socket) -> bytes:
    request = b""
    while _is_cut(request) and (octets := connection.recv(4096)):
        request += octets
    return request


def _is_cut(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: (\d+)", head)
    return not end or len(body) < int(length[1] if length else 0)
