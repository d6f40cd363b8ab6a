"""One HTTP request for a JWK Set, bounded in time and in bytes whatever the other side does.

requests bounds the pause between two reads, never their sum, and reads a body or a line of any
length. Here every single read from the socket is paid for out of one allowance.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from .errors import ConfigurationError, JWKSUnavailableError

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer
    from urllib3 import HTTPConnectionPool

CONNECT_TIMEOUT = timedelta(seconds=2)  # for one address of the host, TLS handshake not included
FETCH_DEADLINE = timedelta(seconds=5)  # from the request until the last byte of the answer
MAXIMUM_JWKS_BYTES = 64 * 1024  # of the body; 16 keys of 4,096 bits are about 13 KiB
MAXIMUM_ENVELOPE_BYTES = 16 * 1024  # status lines, headers, chunk sizes and trailers together

_URI = re.compile(
    r"(?P<scheme>https?)://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:%/?-]*)?"
)
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class FetchedJWKS:
    """An answer of the issuer's JWKS endpoint; nothing of it is verified.

    Args:
        unverified_document: The body, at most 64 KiB.
        server_date: The ``Date`` header, if there is one that can be read.
    """

    unverified_document: bytes
    server_date: datetime | None


def check_jwks_uri(jwks_uri: str, *, allow_http: bool = False) -> None:
    """Check that keys may be fetched from this address.

    Args:
        jwks_uri: https, or http where the host is ``localhost``, ``127.0.0.0/8`` or ``::1``.
        allow_http: Accept http for every host. Whoever can alter that traffic can sign in as
            anyone.

    Raises:
        ConfigurationError: Another scheme, http to another machine, user name or password in the
            address, a fragment, or a character that has no place in a URI.
    """
    # One strict pattern, so that no two readers of the address see two different hosts in it.
    address = _URI.fullmatch(jwks_uri)
    if address is None or not _is_well_formed(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is not a plain https:// address (of a host, without user name,"
            " password or fragment).",
            "Give HANDOFF_JWKS_URI the issuer's address, such as"
            " https://issuer.example.com/.well-known/jwks.json.",
        )
    if address["scheme"] == "http" and not allow_http and not _is_loopback(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is plain http to another machine: whoever is on the way can put keys"
            " of their own in its place.",
            "Use https, or set HANDOFF_JWKS_ALLOW_HTTP=1 where the network itself is trusted.",
        )


def fetch_jwks(
    jwks_uri: str, *, deadline: timedelta = FETCH_DEADLINE, ca_file: Path | None = None
) -> FetchedJWKS:
    """Fetch a JWK Set once: no redirects, no proxies, no netrc, no compression, nothing kept open.

    Looking up the host's name is not covered by the deadline, and each of its addresses may take
    the connect timeout: call it where nobody waits longer than they want to.

    Args:
        jwks_uri: Checked by ``check_jwks_uri``.
        deadline: From the request until the last byte of the answer.
        ca_file: PEM file of the authorities to trust in place of the public ones.

    Raises:
        JWKSUnavailableError: Not a complete, uncompressed answer 200 within the bounds. The text
            says why, and holds nothing of what came.

    Sources: RFC 9110, section 8.4 (Content-Encoding); RFC 9111, section 5.2.1.4 (no-cache).
    """
    allowance = _Allowance(deadline, MAXIMUM_ENVELOPE_BYTES + MAXIMUM_JWKS_BYTES)
    try:
        with (
            _session(allowance, ca_file) as session,
            session.get(
                jwks_uri,
                allow_redirects=False,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, deadline).total_seconds(), deadline.total_seconds()),
            ) as response,
        ):
            return FetchedJWKS(_body(response), _server_date(response))
    except JWKSUnavailableError:
        raise
    except Exception as error:
        # requests lets exceptions of urllib3, ssl, idna and the standard library through.
        reason = allowance.spent or f"the request failed ({_innermost(error)})"
        raise JWKSUnavailableError(reason) from error


class _Allowance:
    """How long and how much one fetch may still read."""

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
    session.headers.update(
        {
            "Accept": "application/jwk-set+json, application/json",
            "Accept-Encoding": "identity",
            # A cache on the way may hold a key for its whole time that is withdrawn meanwhile.
            "Cache-Control": "no-cache",
            "User-Agent": "flask-handoff",
        }
    )
    session.mount("https://", _Adapter(allowance))
    session.mount("http://", _Adapter(allowance))
    return session


def _body(response: requests.Response) -> bytes:
    if response.status_code != requests.codes.ok:
        raise JWKSUnavailableError(f"expected status 200, got {response.status_code}")
    if "Content-Encoding" in response.headers:
        # A hundred packed kilobytes can be a hundred megabytes.
        raise JWKSUnavailableError("expected an answer without Content-Encoding")
    body = b""
    # read(), not iter_content(): that one reads a chunk's size line of any length into memory.
    # Until it returns nothing, or a body that breaks off would go unnoticed.
    while part := response.raw.read(MAXIMUM_JWKS_BYTES + 1 - len(body), decode_content=False):
        body += part
        if len(body) > MAXIMUM_JWKS_BYTES:
            raise JWKSUnavailableError(f"the body is longer than {MAXIMUM_JWKS_BYTES} bytes")
    return body


def _server_date(response: requests.Response) -> datetime | None:
    headers: Mapping[str, str] = response.headers
    with suppress(TypeError, ValueError, LookupError, OverflowError):
        date = parsedate_to_datetime(headers["Date"])
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    return None


def _is_well_formed(jwks_uri: str) -> bool:
    try:
        return urlsplit(jwks_uri).port != 0
    except ValueError:
        return False


def _is_loopback(jwks_uri: str) -> bool:
    host = urlsplit(jwks_uri).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return type(error).__name__
