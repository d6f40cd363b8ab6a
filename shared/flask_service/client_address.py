"""Where a request comes from."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from .current import this_request


def client_address() -> str:
    """Return the address of this request's other end, in its shortest form.

    It is the connection's, unless ``trust_proxies`` was given proxies in front.
    """
    return _shortest(this_request().remote_addr or "")


@lru_cache(1024)
def _shortest(unverified_address: str) -> str:
    try:
        return str(ipaddress.ip_address(unverified_address.partition("%")[0]))
    except ValueError:
        return "unknown"


def trust_proxies(app: Flask, count: int) -> None:
    """Take the client's address from ``X-Forwarded-For``. Host and scheme stay the base URL's.

    Args:
        app: The whole application.
        count: How many proxies stand in front and append to that header; 0 believes nobody.
    """
    if count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=0, x_host=0
        )
