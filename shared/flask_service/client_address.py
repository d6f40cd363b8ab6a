"""Where a request comes from."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from .current import this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# 192.0.2.7:51234, [2001:db8::7] and [2001:db8::7]:51234, or an address alone.
_WITH_PORT = re.compile(
    r"\[(?P<boxed>[^\]]+)\](:[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}|(?P<bare>.+)", re.ASCII
)
_log = logging.getLogger(__name__)


def client_address() -> str:
    """Return the address of this request's other end, in its shortest form.

    It is the connection's, unless ``trust_proxies`` was given proxies in front.
    """
    return _shortest(this_request().remote_addr or "")


@lru_cache(1024)
def _shortest(unverified_address: str) -> str:
    return _bare(unverified_address) or "unknown"


def trust_proxies(app: Flask, count: int) -> None:
    """Take the client's address from ``X-Forwarded-For``. Host and scheme stay the base URL's.

    Args:
        app: The whole application.
        count: How many proxies stand in front and append to that header; 0 believes nobody.
    """
    if count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            _plain_address(app.wsgi_app, count), x_for=count, x_proto=0, x_host=0
        )


def _plain_address(wsgi_app: WSGIApplication, count: int) -> WSGIApplication:
    """Replace what a proxy wrote by the address in it, or else by the proxy's own."""

    @cache
    def warn_once() -> None:
        _log.warning(
            "X-Forwarded-For holds something else than an address, or fewer than there are trusted"
            " proxies; the proxy's own is taken. Set the proxy to write the client's address, and"
            " the number of trusted proxies to theirs."
        )

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        address = _address_in(environ.get("REMOTE_ADDR") or "")
        forwarded: str | None = environ.get("HTTP_X_FORWARDED_FOR")
        if address is None or (forwarded is not None and forwarded.count(",") + 1 < count):
            warn_once()
        if address is None:
            address = environ["werkzeug.proxy_fix.orig"]["REMOTE_ADDR"]
        environ["REMOTE_ADDR"] = address
        return wsgi_app(environ, start_response)

    return answer


@lru_cache(1024)
def _address_in(unverified_address: str) -> str | None:
    """Read an address with or without a port; None for what is none (RFC 7239, section 6)."""
    found = _WITH_PORT.fullmatch(unverified_address.strip().strip('"'))
    return _bare(found["boxed"] or found["v4"] or found["bare"]) if found else None


def _bare(unverified_address: str) -> str | None:
    try:
        address = ipaddress.ip_address(unverified_address.partition("%")[0])
    except ValueError:
        return None
    # A socket for both versions writes IPv4 as ::ffff:192.0.2.7.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
