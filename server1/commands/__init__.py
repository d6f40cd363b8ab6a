"""Commands of ``flask --app server1``, for operators."""

from __future__ import annotations

from flask import Flask

from . import accounts, audit


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    accounts.init_app(app)
    audit.init_app(app)
