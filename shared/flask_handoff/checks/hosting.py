"""What an application's own settings make of its session cookie, and of what stands in front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from .findings import Finding, ok, warning, wrong

_COOKIE = "session cookie"
_SHORTEST_KEY = 16  # characters


def check_hosting(app: Flask, base_url: str, others: Iterable[str]) -> Iterator[Finding]:
    """Look at what is set for the whole application.

    Args:
        base_url: How browsers reach it.
        others: Addresses of the other side.
    """
    yield from _check_sessions(app, base_url, others)
    yield from check_front(app, base_url)


def _check_sessions(app: Flask, base_url: str, others: Iterable[str]) -> Iterator[Finding]:
    yield from _check_secret_key(app)
    faults = [*_cookie_faults(app, base_url), *_clashes(app, base_url, others)]
    yield from faults
    if not faults:
        name = app.session_interface.get_cookie_name(app)
        yield ok(_COOKIE, f"The cookie {name} fits {base_url}.")


def _check_secret_key(app: Flask) -> Iterator[Finding]:
    key = app.secret_key
    remedy = "Make a random one and keep it: secrets.token_urlsafe(32)."
    if not key:
        yield wrong("secret key", "SECRET_KEY is not set: no session can be kept.", remedy)
    elif len(key) < _SHORTEST_KEY:
        text = "SECRET_KEY is so short that it can be guessed, and sessions forged."
        yield warning("secret key", text, remedy)
    if isinstance(app.config.get("SECRET_KEY_FALLBACKS") or [], str | bytes):
        text = "SECRET_KEY_FALLBACKS is a text: each of its characters is a key that forges."
        yield wrong("secret key", text, "Give a list of the former keys.")


def _cookie_faults(app: Flask, base_url: str) -> Iterator[Finding]:
    cookies, base = app.session_interface, urlsplit(base_url)
    name, domain = cookies.get_cookie_name(app), cookies.get_cookie_domain(app)
    secure, https = cookies.get_cookie_secure(app), base.scheme == "https"
    if secure and not https:
        yield wrong(
            _COOKIE,
            f"SESSION_COOKIE_SECURE is on, and {base_url} is http: some browsers keep no such "
            "cookie, and nobody stays signed in.",
            "Set SESSION_COOKIE_SECURE=False on http.",
        )
    if https and not secure:
        yield warning(
            _COOKIE,
            f"SESSION_COOKIE_SECURE is off, and {base_url} is https: the cookie also travels on "
            "requests without TLS, which others can read.",
            "Set SESSION_COOKIE_SECURE=True.",
        )
    if cookies.get_cookie_samesite(app) == "None" and not secure:
        yield wrong(
            _COOKIE,
            "SESSION_COOKIE_SAMESITE is None without SESSION_COOKIE_SECURE: no browser keeps it.",
            "Set SESSION_COOKIE_SAMESITE='Lax'.",
        )
    if not _covers(domain, base.hostname or ""):
        yield wrong(
            _COOKIE,
            f"SESSION_COOKIE_DOMAIN is {domain}, and {base_url} does not lie in it: browsers drop "
            "the cookie.",
            "Leave SESSION_COOKIE_DOMAIN out.",
        )
    yield from _path_and_prefix_faults(app, base.path, name, domain, secure=secure)


def _path_and_prefix_faults(
    app: Flask, base_path: str, name: str, domain: str | None, *, secure: bool
) -> Iterator[Finding]:
    path = app.session_interface.get_cookie_path(app)
    if not f"{base_path}/".startswith(f"{path.rstrip('/')}/"):
        yield wrong(
            _COOKIE,
            f"Its path is {path}, and the application lies at {base_path or '/'}: browsers do not "
            "send it there.",
            "Set SESSION_COOKIE_PATH='/', or the path of the base URL.",
        )
    if name.startswith("__Host-") and (not secure or domain or path != "/"):
        yield wrong(
            _COOKIE,
            f"{name} begins with __Host-, and browsers keep such a cookie only with Secure, "
            "without a Domain and with the path /.",
            "Set SESSION_COOKIE_SECURE=True (on https), SESSION_COOKIE_DOMAIN=None and "
            "SESSION_COOKIE_PATH='/', or give it another name.",
        )
    elif name.startswith("__Secure-") and not secure:
        yield wrong(
            _COOKIE,
            f"{name} begins with __Secure-, and browsers keep such a cookie only with Secure.",
            "Set SESSION_COOKIE_SECURE=True (on https), or give it another name.",
        )


def _clashes(app: Flask, base_url: str, others: Iterable[str]) -> Iterator[Finding]:
    """Find who else gets the cookie: browsers know hosts, and neither ports nor applications."""
    cookies, host = app.session_interface, urlsplit(base_url).hostname
    name, domain = cookies.get_cookie_name(app), cookies.get_cookie_domain(app)
    others = [other for other in others if not f"{other}/".startswith(f"{base_url}/")]  # itself
    of_all = name == "session" and cookies.get_cookie_path(app) == "/"
    for other in dict.fromkeys(urlsplit(other).hostname or "" for other in others):
        if other == host and of_all:
            yield warning(
                _COOKIE,
                f"This application and the other side are both on {host}, and the cookie is named "
                "session, as Flask names it by default. Ports do not separate cookies: where the "
                "other one has that name too, each overwrites the other's, and nobody stays "
                "signed in.",
                "Give each a name of its own, such as SESSION_COOKIE_NAME='notes_session'.",
            )
        elif other != host and domain and _covers(domain, other):
            yield warning(
                _COOKIE,
                f"SESSION_COOKIE_DOMAIN is {domain}: browsers send the cookie to {other} as well.",
                "Leave SESSION_COOKIE_DOMAIN out.",
            )


def _covers(domain: str | None, host: str) -> bool:
    bare = (domain or host).removeprefix(".").lower()
    return host == bare or host.endswith(f".{bare}")


def check_front(app: Flask, base_url: str) -> Iterator[Finding]:
    """Look at what an application without sessions has as well: its host, and proxies in front."""
    base, trusted = urlsplit(base_url), app.config.get("TRUSTED_HOSTS")
    if trusted and not host_is_trusted(base.netloc, trusted):
        yield wrong(
            "proxy",
            f"TRUSTED_HOSTS does not name {base.netloc}: Flask answers each request with 400.",
            f"Add {base.netloc!r} to it.",
        )
    if base.scheme == "https" and not _has_proxy_fix(app):
        yield warning(
            "proxy",
            f"{base_url} is https, and the application has no ProxyFix. Where a proxy in front "
            "ends TLS, the application takes each request for http, and for the proxy's own: "
            "url_for(…, _external=True), redirects to https and the clients' addresses go wrong.",
            "Write app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1), and have the proxy "
            "send X-Forwarded-For and X-Forwarded-Proto. Where the server itself ends TLS, or "
            "wraps the application in ProxyFix, all is well.",
        )


def _has_proxy_fix(app: Flask) -> bool:
    layer: Any = app.wsgi_app
    for _ in range(20):
        if layer is None or isinstance(layer, ProxyFix):
            return layer is not None
        layer = getattr(layer, "app", None) or getattr(layer, "wsgi_app", None)
    return False
