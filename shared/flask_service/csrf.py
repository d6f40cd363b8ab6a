"""Cross-site request forgery: a form counts only when it was sent from a page of this site."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType

from .current import this_request

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", ""})
_OUR_SITES = frozenset({"same-origin", "none"})  # none: typed, or taken from a bookmark


def init_app(app: Flask, *, base_url: str, exempt: Collection[str]) -> None:
    """Check every request of *app* that may change something.

    Args:
        app: The whole application.
        base_url: Scheme, host and port under which browsers know the application.
        exempt: The blueprints whose requests anybody may send, from any site: what lets them in is
            no cookie.
    """
    origin = _origin(base_url)
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a token lives as long as the cookie it belongs to
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # but below, where anything may change
    protection = CSRFProtect(app)

    @app.before_request
    def check_sender() -> None:
        request = this_request()
        if request.method in _SAFE_METHODS:
            return
        if request.endpoint is None or request.blueprint in exempt:
            return
        # The CSRF token alone would do; this also stops a page that has learnt one.
        if (
            request.headers.get("Origin", origin) != origin
            or request.headers.get("Sec-Fetch-Site", "none") not in _OUR_SITES
        ):
            raise Forbidden
        if request.mimetype not in _FORM_TYPES:
            raise UnsupportedMediaType
        if None in request.form:  # a multipart field without a name, at which Flask-WTF stumbles
            raise BadRequest
        protection.protect()


def _origin(base_url: str) -> str:
    # As browsers write it: small letters, and no port where it is the scheme's own.
    parts = urlsplit(base_url)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"
