"""Serves SERVER1: ``python -m server1``."""

from __future__ import annotations

from logging import getLogger

from flask import Flask

from flask_handoff import shown
from flask_service.database import database_of
from flask_service.outbox.worker import Workers
from flask_service.processes import serving
from flask_service.settings import Serving

from . import create_app, demo
from .accounts.passwords import PasswordUnusableError
from .config import Config

_log = getLogger("server1.serving")


def application() -> Flask:
    """Build the application of one worker process."""
    app = serving.in_worker(create_app)
    workers = Workers(app)
    workers.start()
    serving.at_end(workers.stop)  # called before the database is closed
    return app


def _prepare() -> Serving:
    config = Config.from_environment()
    serving.check_port(config.serving, setting="SERVER1_PORT")
    if config.demo:
        demo.choose_password()
        config = Config.from_environment()
    app = create_app(config)
    try:
        if config.demo_password:
            demo.prepare_account(app, config.demo_password)
    finally:
        database_of(app).close()
    if config.mail.smtp is None and not config.demo:
        _log.warning(
            "SERVER1_SMTP_HOST is not set: mails become files in %s", shown(config.mail.outbox)
        )
    _log.info("serves %s on port %d", config.issuer, config.serving.port)
    return config.serving


if __name__ == "__main__":
    serving.serve("server1", _prepare, PasswordUnusableError)
