"""Serving: what is checked first, and worker processes that end together."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize

from flask import Flask

from flask_handoff import ConfigurationError
from flask_service.database import database_of, has_database
from flask_service.settings import Serving

from .foreign_signals import ignore_foreign_signals

MAIN_PROCESS = "flask_service.processes.main_process"  # not imported: granian is of no use here


def serve(name: str, prepare: Callable[[], Serving], *refusals: type[Exception]) -> None:
    """Serve until a signal comes. Exit with status 1 and one sentence if that is not possible.

    Args:
        name: The server's package; its ``__main__`` has ``application``, which each worker calls.
        prepare: Checks the port, then makes what is made at first run, here and once, before
            several workers want it. It ends what it began: the program is replaced after it.
        *refusals: What *prepare* raises beside a ``ConfigurationError`` when it is not possible.
    """
    ignore_foreign_signals()
    if sys.argv[1:]:
        sys.exit(
            f"python -m {name} takes no arguments. The environment and .env have its settings: "
            "docs/settings.md lists them."
        )
    try:
        serving = prepare()
    except (ConfigurationError, *refusals) as error:  # type: ignore[misc]
        sys.exit(f"{name.upper()} does not start. {error}")
    options = [f"-W{option}" for option in sys.warnoptions]
    numbers = (serving.port, serving.workers, serving.threads, serving.connections)
    arguments = [name, serving.bind, *map(str, numbers)]
    # What was imported for the checks would stay in memory as long as the server runs.
    command = [sys.executable, *options, "-m", MAIN_PROCESS, *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


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

    The application's database, if it has one, is closed when the process ends, after what is
    registered with ``at_end`` later: the last one that closes a SQLite file leaves it whole.
    """
    if (main_process := multiprocessing.parent_process()) is not None:
        # A worker whose main process was killed would continue, and hold the port.
        threading.Thread(target=_end_after, args=[main_process], daemon=True).start()
    app = create()
    if has_database(app):
        at_end(database_of(app).close)
    # What was made by now lives as long as the process. To look through it for garbage, as each
    # full collection would, takes a tenth of a second, in the middle of somebody's request.
    gc.collect()
    gc.freeze()
    return app


def at_end(act: Callable[[], object]) -> None:
    """Call something when this process has been told to end; what was registered last is first.

    In a process that was forked, as workers are, ``atexit`` calls nothing before Python 3.13.
    """
    Finalize(None, act, exitpriority=0)


def _end_after(main_process: BaseProcess) -> None:
    main_process.join()
    os._exit(1)
