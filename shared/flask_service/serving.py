"""Serving: worker processes under granian that end together, and a log of why not."""

from __future__ import annotations

import atexit
import errno
import gc
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from flask_handoff import ConfigurationError

from .database import database_of
from .settings import Serving

KILL_TIMEOUT = 3  # seconds that a worker has to end; a stalled upload would hold it without end


def serve(name: str, prepare: Callable[[], Serving], *refusals: type[Exception]) -> None:
    """Serve until a signal comes. Exit with status 1 and one sentence if that is not possible.

    Args:
        name: The server's package; its ``__main__`` has ``application``, which each worker calls.
        prepare: Checks the port, then makes what is made at first run, here and once, before
            several workers want it. It leaves no connection open: one that crosses a fork breaks.
        *refusals: What *prepare* raises beside a ``ConfigurationError`` when it is not possible.
    """
    try:
        serving = prepare()
    except (ConfigurationError, *refusals) as error:  # type: ignore[misc]
        sys.exit(f"{name.upper()} does not start. {error}")
    Granian(
        f"{name}.__main__:application",
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


def check_port(serving: Serving, *, setting: str) -> None:
    """Check that nobody listens where this server is to listen.

    Granian shares a port that is in use, and each of the two would get half of the requests. Call
    it first: what runs already must not be changed by one that does not start.

    Raises:
        ConfigurationError: Somebody does; *setting* is named as the way out.
    """
    family = socket.AF_INET6 if ":" in serving.bind else socket.AF_INET
    try:
        socket.create_server((serving.bind, serving.port), family=family).close()
    except OSError as error:
        name = f"Port {serving.port} on {serving.bind}"
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"{name} is already in use.",
                f"Stop what uses it, or set {setting} to another port.",
            ) from None
        raise ConfigurationError(
            f"{name} cannot be used ({os.strerror(error.errno or 0)}).",
            f"Set {setting} to another port, or the address to one of this machine.",
        ) from None


def in_worker(create: Callable[[], Flask]) -> Flask:
    """Build the application of one worker process, which ends when the main process is gone.

    The application's database is closed when the process ends, after what is registered with
    ``atexit`` later.
    """
    if (main_process := multiprocessing.parent_process()) is not None:
        # A worker whose main process was killed would continue, and hold the port.
        threading.Thread(target=_end_after, args=[main_process], daemon=True).start()
    app = create()
    atexit.register(database_of(app).close)
    # What was made by now lives as long as the process. To look through it for garbage, as each
    # full collection would, takes a tenth of a second, in the middle of somebody's request.
    gc.collect()
    gc.freeze()
    return app


def _end_after(main_process: BaseProcess) -> None:
    main_process.join()
    os._exit(1)
