"""Where a request comes from."""

from __future__ import annotations

import ipaddress

from flask import request


def client_address() -> str:
    """Return the address of this request's other end, in its shortest form.

    It is the connection's, unless SERVER1_TRUSTED_PROXIES says that proxies are in front.
    """
    unverified_address = request.remote_addr or ""
    try:
        return str(ipaddress.ip_address(unverified_address.partition("%")[0]))
    except ValueError:
        return "unknown"
