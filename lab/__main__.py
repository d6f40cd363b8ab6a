"""Serves the lab: ``python -m lab``."""

from __future__ import annotations

import logging

from flask import Flask

from flask_service.processes import serving
from flask_service.settings import Serving

from . import create_app
from .config import Config


def application() -> Flask:
    """Build the application of the one worker process."""
    return serving.in_worker(create_app)


def _prepare() -> Serving:
    config = Config.from_environment()
    serving.check_port(config.serving, setting="LAB_PORT")
    logging.getLogger("lab").info("serves %s and %s", config.base_url, config.attacker_url)
    return config.serving


if __name__ == "__main__":
    serving.serve("lab", _prepare)
