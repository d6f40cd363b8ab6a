"""The main process of a server, which ``serving`` runs by ``python -m``.

It starts the worker processes and ends them, and imports nothing for that but granian: what it
held of the application would be of no use, and stay as long as the server runs.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from .foreign_signals import ignore_foreign_signals

KILL_TIMEOUT = 3  # seconds that a worker has to end; a stalled upload would hold it without end
LIFELINE = "FLASK_SERVICE_LIFELINE"  # names a pipe's descriptor: the server ends with that pipe


def main(name: str, bind: str, port: str, workers: str, threads: str, connections: str) -> None:
    """Serve until a signal comes.

    Args:
        name: The server's package; its ``__main__`` has ``application``, which each worker calls.
        bind: The IP address to listen on.
        port: The port there.
        workers: How many processes answer.
        threads: How many requests each of them answers at once.
        connections: How many connections each of them keeps; an idle one counts as well.
    """
    if lifeline := os.environ.get(LIFELINE):
        threading.Thread(target=_end_with, args=[int(lifeline)], daemon=True).start()
    server = Granian(
        f"{name}.__main__:application",
        factory=True,
        address=bind,
        port=int(port),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=int(workers),
        blocking_threads=int(threads),
        backpressure=int(connections),
        log_level=LogLevels.error,  # below that it only wonders at the number of threads
        log_access=False,  # it writes the decoded path and the query
        workers_kill_timeout=KILL_TIMEOUT,
    )
    # After granian's own handlers are set: its SIGHUP would start the workers anew.
    server.on_startup(ignore_foreign_signals)
    server.serve()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
