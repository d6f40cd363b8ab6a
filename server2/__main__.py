"""Serves SERVER2: ``python -m server2``."""

from __future__ import annotations

import logging

from flask import Flask

from flask_service.database import database_of
from flask_service.processes import serving
from flask_service.settings import Serving

from . import create_app
from .config import Config


def application() -> Flask:
    """Build the application of one worker process."""
    return serving.in_worker(create_app)


def _prepare() -> Serving:
    config = Config.from_environment()
    serving.check_port(config.serving, setting="SERVER2_PORT")
    database_of(create_app(config)).close()
    logging.getLogger("server2").info("serves %s on port %d", config.base_url, config.serving.port)
    return config.serving


if __name__ == "__main__":
    serving.serve("server2", _prepare)
