"""One HTTP request for a JWK Set."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import requests

from flask_handoff.bounded_http import RequestFailedError, bounded_request
from flask_handoff.errors import JWKSUnavailableError

from .renewal import FETCH_DEADLINE

MAXIMUM_JWKS_BYTES = 64 * 1024  # of the body; 16 keys of 4,096 bits are about 13 KiB

_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    # A cache on the way may still hold a key that the issuer has removed.
    "Cache-Control": "no-cache",
}


def fetch_jwks(
    jwks_uri: str, *, deadline: timedelta = FETCH_DEADLINE, ca_file: Path | None = None
) -> tuple[bytes, datetime | None]:
    """Fetch a JWK Set once, within the bounds of ``bounded_request``.

    Returns:
        The unverified body, and the ``Date`` header if there is one that can be read.

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
            return _body(response), _server_date(response)
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
