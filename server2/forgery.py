"""Forged requests: a form counts only when it was sent from a page of this site."""

from __future__ import annotations

from flask import Flask, abort, request
from flask_wtf.csrf import CSRFProtect

_HANDOFF = "handoff_receiver"


def init_app(app: Flask) -> None:
    """Ask every form for its CSRF value, except the handoff's.

    Those may be sent by anyone: what they can do depends on the token and on the attempt's cookie.
    """

    @app.before_request
    def check_field_names() -> None:
        # A multipart field may come without a name, and Flask-WTF stumbles over it.
        if request.endpoint is not None and None in request.form:
            abort(400)

    app.config["WTF_CSRF_TIME_LIMIT"] = None  # the value dies with the session it belongs to
    csrf = CSRFProtect(app)
    csrf.exempt(app.blueprints[_HANDOFF])
