"""What a site tells browsers, and asks of them: headers, session cookie, CSRF tokens."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask

from . import csrf, security_headers, session_cookie


def init_app(
    app: Flask,
    *,
    base_url: str,
    cookie: str,
    exempt: str,
    samesite: str = "Lax",
    files: Collection[str] = ("static",),
) -> None:
    """Set security headers, guard the session cookie, and check where forms come from.

    Args:
        app: Its blueprint *exempt* is registered already.
        base_url: Scheme, host and port under which browsers know the application.
        cookie: The session cookie's name; over https ``__Host-`` stands before it.
        exempt: The blueprint whose requests anybody may send, from any site.
        samesite: The session cookie's, ``Lax`` or ``Strict``.
        files: The endpoints whose responses are the same for everybody, and may be kept.
    """
    https = base_url.startswith("https://")
    security_headers.init_app(app, https=https, files=files)
    session_cookie.init_app(app, name=cookie, https=https, samesite=samesite)
    csrf.init_app(app, base_url=base_url, exempt=exempt)
