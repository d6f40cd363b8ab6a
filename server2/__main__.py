"""``python -m server2``: serve with granian."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import multiprocessing.connection
import os
import socket
import sys
import threading

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from flask_handoff.errors import ConfigurationError
from flask_service.database import database_of

from . import create_app
from .config import Config

CONNECTIONS = 1024  # granian counts idle ones too: a low limit would be used up by open browsers
KILL_AFTER = 3  # seconds that requests are given to end


def main() -> None:
    """Check everything once, then serve until told to stop; exit 1 with a sentence if wrong."""
    try:
        config = Config.from_environment()
        _check_port(config)
        app = create_app(config)
    except ConfigurationError as error:
        sys.exit(f"server2: {error}")
    # The worker opens connections of its own: one that crosses a fork breaks.
    database_of(app).close()
    logging.getLogger("server2").info("serves %s on port %d", config.base_url, config.serving.port)
    Granian(
        "server2.__main__:worker_app",
        factory=True,
        address=config.serving.bind,
        port=config.serving.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=config.serving.threads,
        backpressure=CONNECTIONS,
        log_level=LogLevels.error,  # below that it only wonders at the number of threads
        log_access=False,
        workers_kill_timeout=KILL_AFTER,
    ).serve()


def worker_app() -> Flask:
    """Build the application in the worker, which ends when the process that began it is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = create_app()
    # All that is there by now stays: no collection of garbage has to look at it again.
    gc.collect()
    gc.freeze()
    return app


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _check_port(config: Config) -> None:
    # Granian shares a port that is in use, and each of the two would get half of the requests.
    family = socket.AF_INET6 if ":" in config.serving.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.serving.bind, config.serving.port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {config.serving.port} on {config.serving.bind} cannot be had"
                f" ({error.strerror}).",
                "End what uses it, or set SERVER2_PORT to another port.",
            ) from None


if __name__ == "__main__":
    main()
