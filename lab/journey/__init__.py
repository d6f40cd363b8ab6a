"""Follow the handoff: every hop of one that has just happened, its token, and each check."""

from __future__ import annotations

from flask import Flask

from .pages import blueprint


def init_app(app: Flask) -> None:
    """Give the lab's own host the pages."""
    app.register_blueprint(blueprint)
