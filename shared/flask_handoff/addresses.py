"""Addresses: which mean this very machine, which are safe to be asked over HTTP, and queries."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote_plus, urlsplit

_URI = re.compile(
    r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/[a-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[a-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII | re.IGNORECASE,
)
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)  # RFC 3986, section 2.3
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@lru_cache(1024)
def is_loopback(host: str) -> bool:
    """Tell whether a name or an address means this very machine, so that nobody else reaches it.

    Args:
        host: Without a port or brackets. Of names only ``localhost`` is known.
    """
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def is_plain_address(uri: str) -> bool:
    """Tell whether an address names one host and nothing that two readers read differently.

    That is http or https, without user name, password, fragment, or a character that has no place
    in a URI.
    """
    if _URI.fullmatch(uri) is None:
        return False
    try:
        return urlsplit(uri).port != 0
    except ValueError:
        return False


def is_safe_from_others(uri: str) -> bool:
    """Tell whether nobody can read or alter what is sent to a plain address: https, or loopback."""
    parts = urlsplit(uri)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL that ``check_public_url`` has passed."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def source_of(url: str) -> str:
    """Return what a Content-Security-Policy calls the origin of a URL.

    It has no word for an IPv6 address, and browsers ignore one: the scheme has to stand for it.

    Source: Content Security Policy Level 3, section 2.3.1.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}:" if "[" in parts.netloc else origin_of(url)


def with_parameters(url: str, parameters: Mapping[str, str | None]) -> str:
    """Add those parameters to the query of *url* that are not None; names are sent as they are."""
    given = {name: value for name, value in parameters.items() if value is not None}
    # Most values are base64url already, of which nothing is quoted.
    query = "&".join(
        f"{name}={value if _UNRESERVED.fullmatch(value) else quote_plus(value)}"
        for name, value in given.items()
    )
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
