"""Serves SERVER2: ``python -m server2``."""

from __future__ import annotations

import atexit
import logging
import sys

from flask import Flask

from flask_service import serving
from flask_service.database import database_of
from flask_service.settings import Serving

from . import create_app
from .config import Config


def main() -> int:
    """Serve until told to stop. Return 1, after a sentence on stderr, if that is not possible."""
    return serving.serve("server2", _prepare)


def application() -> Flask:
    """Build the application of one worker process."""
    return serving.in_worker(_create)


def _create() -> Flask:
    app = create_app()
    atexit.register(database_of(app).close)
    return app


def _prepare() -> Serving:
    config = Config.from_environment()
    serving.check_port(config.serving, setting="SERVER2_PORT")
    database_of(create_app(config)).close()
    logging.getLogger("server2").info("serves %s on port %d", config.base_url, config.serving.port)
    return config.serving


if __name__ == "__main__":
    sys.exit(main())
