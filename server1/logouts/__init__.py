"""Logouts: the services that a session was handed on to are notified when it ends."""

from __future__ import annotations

from flask import Flask

from flask_handoff import HandoffIssuer

from . import issuer


def init_app(app: Flask, handoff: HandoffIssuer) -> None:
    """Have clients notified of logouts by this issuer."""
    issuer.init_app(app, handoff)
