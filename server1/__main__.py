"""Serves SERVER1: ``python -m server1``."""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import socket
import sys
import threading

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from flask_handoff import ConfigurationError
from flask_handoff.redaction import shown
from flask_service.settings import Serving

from . import create_app, demo
from .accounts.passwords import PasswordUnusableError
from .background import Background
from .config import Config
from .parts import parts_of

_log = logging.getLogger("server1.serving")

KILL_TIMEOUT = 3  # seconds that a worker has to end; a stalled upload would hold it for ever


def main() -> int:
    """Serve until told to stop. Return 1, after a sentence on stderr, if that is not possible."""
    try:
        config = _prepare()
    except (ConfigurationError, PasswordUnusableError) as error:
        return _refuse(str(error))
    if config.mail.smtp is None and not config.demo:
        _log.warning(
            "SERVER1_SMTP_HOST is not set: mails become files in %s", shown(config.mail.outbox)
        )
    serving = config.serving
    _log.info("serving %s on %s port %d", config.issuer, serving.bind, serving.port)
    Granian(
        "server1.__main__:application",
        factory=True,
        address=serving.bind,
        port=serving.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=serving.workers,
        blocking_threads=serving.threads,
        backpressure=serving.connections,  # an idle connection counts as well
        log_level=LogLevels.error,  # below that it only wonders at the number of threads
        log_access=False,  # it writes the decoded path and the query
        workers_kill_timeout=KILL_TIMEOUT,
    ).serve()
    return 0


def application() -> Flask:
    """Build the application of one worker process."""
    _end_with_main_process()
    app = create_app()
    atexit.register(parts_of(app).database.close)
    background = Background(app)
    background.start()
    atexit.register(background.stop)  # called before the database is closed
    _spare_the_collector()
    return app


def _spare_the_collector() -> None:
    # What was made by now lives as long as the process. To look through it for garbage, as each
    # full collection would, takes a tenth of a second, in the middle of somebody's request.
    gc.collect()
    gc.freeze()


def _end_with_main_process() -> None:
    # A worker whose main process was killed would go on and hold the port.
    main_process = multiprocessing.parent_process()
    if main_process is None:
        return

    def wait() -> None:
        main_process.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _prepare() -> Config:
    """Make what is made at first run, here and once, before several workers want it."""
    if Config.from_environment().demo:
        demo.choose_password()
    config = Config.from_environment()
    _check_port(config.serving)
    app = create_app(config)
    made = parts_of(app)
    try:
        if config.demo_password:
            demo.prepare_account(app, config.demo_password)
    finally:
        # The workers open connections of their own: one that crosses a fork breaks.
        made.database.close()
    return config


def _check_port(serving: Serving) -> None:
    # Granian shares a port that is in use, and each of the two would get half of the requests.
    family = socket.AF_INET6 if ":" in serving.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((serving.bind, serving.port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {serving.port} on {serving.bind} cannot be had ({error.strerror}).",
                "End what uses it, or set SERVER1_PORT to another port.",
            ) from None


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"SERVER1 does not start. {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
