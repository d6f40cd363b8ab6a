"""Forged requests: a form counts only when it was sent from a page of this site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, abort, request
from flask_wtf.csrf import CSRFProtect

from .config import Config

_HANDOFF = "handoff_receiver"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "")
_OUR_SITES = ("same-origin", "none")  # none: typed, or taken from a bookmark


def init_app(app: Flask, config: Config) -> None:
    """Ask every form for its CSRF value, and the browser where it comes from, except the handoff's.

    Those may be sent by anyone: what they can do depends on the token and on the attempt's cookie.
    """
    origin = _origin(config.base_url)

    @app.before_request
    def check_sender() -> None:
        if (
            request.method in _SAFE_METHODS
            or request.endpoint is None
            or request.blueprint == _HANDOFF
        ):
            return
        # The CSRF value alone would do; this also stops a page that has learnt one.
        if (
            request.headers.get("Origin", origin) != origin
            or request.headers.get("Sec-Fetch-Site", "none") not in _OUR_SITES
        ):
            abort(403)
        if request.mimetype not in _FORM_TYPES:
            abort(415)
        if None in request.form:  # a multipart field without a name, at which Flask-WTF stumbles
            abort(400)

    app.config["WTF_CSRF_TIME_LIMIT"] = None  # the value dies with the session it belongs to
    csrf = CSRFProtect(app)
    csrf.exempt(app.blueprints[_HANDOFF])


def _origin(base_url: str) -> str:
    # As browsers write it: small letters, and no port where it is the scheme's own.
    parts = urlsplit(base_url)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"
