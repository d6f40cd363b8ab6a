"""One HTTP request for a JWK Set."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from flask_handoff.addresses import is_plain_address, is_safe_from_others
from flask_handoff.bounded_http import DEADLINE, RequestFailedError, bounded_request
from flask_handoff.errors import ConfigurationError, JWKSUnavailableError

if TYPE_CHECKING:
    import requests

FETCH_DEADLINE = DEADLINE
MAXIMUM_JWKS_BYTES = 64 * 1024  # of the body; 16 keys of 4,096 bits are about 13 KiB

_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    # A cache on the way may hold a key for its whole time that is withdrawn meanwhile.
    "Cache-Control": "no-cache",
}


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
        allow_http: Accept http for every host. An attacker who alters that traffic can sign in as
            anyone.

    Raises:
        ConfigurationError: Another scheme, http to another machine, user name or password in the
            address, a fragment, or a character that has no place in a URI.
    """
    if not is_plain_address(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is not a plain https:// address (of a host, without user name,"
            " password or fragment).",
            "Give HANDOFF_JWKS_URI the issuer's address, such as"
            " https://issuer.example.com/.well-known/jwks.json.",
        )
    if not allow_http and not is_safe_from_others(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is plain http to another machine: an attacker on the path can"
            " replace the keys.",
            "Use https, or set HANDOFF_JWKS_ALLOW_HTTP=1 where the network itself is trusted.",
        )


def fetch_jwks(
    jwks_uri: str, *, deadline: timedelta = FETCH_DEADLINE, ca_file: Path | None = None
) -> FetchedJWKS:
    """Fetch a JWK Set once, within the bounds of ``bounded_request``.

    Args:
        jwks_uri: Checked by ``check_jwks_uri``.
        deadline: From the request until the last byte of the answer.
        ca_file: PEM file of the authorities to trust in place of the public ones.

    Raises:
        JWKSUnavailableError: Not a complete, uncompressed answer 200 within the bounds. The text
            says why, and holds nothing of what came.

    Sources: RFC 9110, section 8.4 (Content-Encoding); RFC 9111, section 5.2.1.4 (no-cache).
    """
    try:
        with bounded_request(
            "GET",
            jwks_uri,
            headers=_HEADERS,
            longest_body=MAXIMUM_JWKS_BYTES,
            deadline=deadline,
            ca_file=ca_file,
        ) as response:
            return FetchedJWKS(_body(response), _server_date(response))
    except RequestFailedError as error:
        raise JWKSUnavailableError(str(error)) from error


def _body(response: requests.Response) -> bytes:
    if response.status_code != HTTPStatus.OK:
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
