"""Pages: every view and every form, and what the answers say."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFError

from server1.config import Config
from server1.signed_in import NotSignedInError, session_seen

from . import (
    account,
    account_deletion,
    consent,
    error_pages,
    home,
    link_pages,
    login,
    outbox,
    profile,
    recovery,
    signup,
    verification,
)
from .forms import old_form
from .next_page import lead_to_sign_in


def init_app(app: Flask, config: Config) -> None:
    """Add the pages to the application; those of the outbox in the demo only."""
    error_pages.init_app(app)
    app.register_error_handler(CSRFError, old_form)
    link_pages.init_app(app)
    app.register_error_handler(NotSignedInError, lead_to_sign_in)
    app.jinja_env.globals["lab_url"] = config.lab.url if config.lab else ""
    app.context_processor(lambda: {"session_seen": session_seen()})
    for module in (
        *(home, login, consent, signup, verification, recovery),
        *(account, profile, account_deletion),
    ):
        app.register_blueprint(module.blueprint)
    outbox.init_app(app, config)
