"""One HTTP request for a JWK Set."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from flask_handoff.bounded_http import (
    RequestFailedError,
    bounded_request,
    read_body,
    server_date,
)
from flask_handoff.errors import JWKSUnavailableError

from .renewal import FETCH_DEADLINE

MAXIMUM_JWKS_BYTES = 64 * 1024  # of the body; 16 keys of 4,096 bits are about 13 KiB

# A proxy that passes on what it has read answers 203 (RFC 9110, section 15.3.4).
_WITH_THE_KEYS = (HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION)
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
        JWKSUnavailableError: Not a complete, uncompressed answer 200 or 203 within the bounds. The
            text says why, and holds nothing of what came.

    Source: RFC 9111, section 5.2.1.4 (no-cache).
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
            if response.status_code not in _WITH_THE_KEYS:
                raise JWKSUnavailableError(f"expected status 200, got {response.status_code}")
            return read_body(response, MAXIMUM_JWKS_BYTES), server_date(response)
    except RequestFailedError as error:
        raise JWKSUnavailableError(str(error)) from error
