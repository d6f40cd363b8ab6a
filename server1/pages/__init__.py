"""Pages: every view and every form, and what the answers say."""

from __future__ import annotations

from flask import Flask

from server1.config import Config

from . import (
    account,
    closing,
    error_pages,
    home,
    login,
    outbox,
    profile,
    recovery,
    signup,
    verification,
)


def init_app(app: Flask, config: Config) -> None:
    """Add the pages to the application; those of the outbox in the demo only."""
    error_pages.init_app(app)
    for module in (home, login, signup, verification, recovery, account, profile, closing):
        app.register_blueprint(module.blueprint)
    outbox.init_app(app, config)
