"""Forged requests: a form counts only when it was sent from a page of ours."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType

from .config import Config

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_OUR_SITES = frozenset({"same-origin", "none"})  # none: typed, or taken from a bookmark
_HANDOFF = "handoff_issuer"


def init_app(app: Flask, config: Config) -> None:
    """Check every request that may change something, except those of the handoff.

    A client posts its request for a handoff from a page of its own; what such a request can do
    does not depend on who sent it.
    """

    origin = _origin(config.issuer)

    @app.before_request
    def check_origin() -> None:
        if (
            request.method in _SAFE_METHODS
            or request.endpoint is None
            or request.blueprint == _HANDOFF
        ):
            return
        # The token alone would do; this also stops a page that has learnt a token.
        if (
            request.headers.get("Origin", origin) != origin
            or request.headers.get("Sec-Fetch-Site", "none") not in _OUR_SITES
        ):
            raise Forbidden
        if request.mimetype not in _FORM_TYPES | {""}:
            raise UnsupportedMediaType
        if None in request.form:  # a multipart field without a name, at which Flask-WTF stumbles
            raise BadRequest

    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a token lives as long as the cookie it belongs to
    csrf = CSRFProtect(app)
    csrf.exempt(app.blueprints[_HANDOFF])


def _origin(issuer: str) -> str:
    # As browsers write it: small letters, and no port where it is the scheme's own.
    parts = urlsplit(issuer)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"
