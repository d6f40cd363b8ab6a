"""The issuer that tells clients of logouts, without knowing how people sign in at it.

What ends a session enters a logout here, and the issuer's hooks ask for sessions: an import of
``server1.handoff`` would close that circle.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app
from werkzeug.local import LocalProxy

from flask_handoff import HandoffIssuer

_EXTENSION = "server1.logouts.issuer"


def init_app(app: Flask, issuer: HandoffIssuer) -> None:
    """Have clients told of logouts by this issuer."""
    app.extensions[_EXTENSION] = issuer


handoff = cast(HandoffIssuer, LocalProxy(lambda: current_app.extensions[_EXTENSION]))
"""The current application's issuer."""
