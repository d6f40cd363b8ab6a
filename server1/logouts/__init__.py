"""Log-outs: the services that a session was handed on to are told when it ends."""

from __future__ import annotations

from flask import Flask

from flask_handoff import HandoffIssuer

from . import issuer
from .bell import Bell
from .notifying import Notifying


def init_app(app: Flask, handoff: HandoffIssuer) -> None:
    """Have clients told of log-outs by this issuer."""
    issuer.init_app(app, handoff)
    # Rung when this process has entered a log-out.
    app.extensions["server1.logouts.entered"] = Bell()
    app.extensions["server1.logouts.notifying"] = Notifying()
