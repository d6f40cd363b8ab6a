"""Signals that log rotation and supervisors send to whatever runs; by default some end a process.

There is nothing to reopen: the log goes to stderr. Imported by the main process, so it imports
nothing else. What is ignored stays so in the processes that are started, and in a program that
takes this one's place.
"""

from __future__ import annotations

import signal

FOREIGN = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)


def ignore_foreign_signals() -> None:
    """Ignore them, in the main thread. SIGINT and SIGTERM end a server, and nothing else does."""
    for number in FOREIGN:
        signal.signal(number, signal.SIG_IGN)
