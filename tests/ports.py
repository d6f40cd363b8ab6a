"""Ports of loopback for the servers that tests start."""

import atexit
import random
import socket
from contextlib import ExitStack, suppress

# Below the range from which the system takes ports for connections: a server that is down for a
# moment would lose its own to one of them, and who knocks there meanwhile could reach themselves.
RANGE = (20_000, 32_000)

_reserved = ExitStack()
atexit.register(_reserved.close)


def free_port() -> int:
    """Return a port on which nobody listens, and which no other run of the tests is given.

    A run keeps the UDP port of the same number to its end. Nobody needs it, and another run on this
    machine sees that it is taken, also while the server is not there yet, or is down.
    """
    for port in random.SystemRandom().sample(range(*RANGE), 1000):
        if _nobody_listens(port) and _reserve(port):
            return port
    raise AssertionError("no port is free")


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _reserve(port: int) -> bool:
    with ExitStack() as undo, suppress(OSError):
        reservation = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        reservation.bind(("127.0.0.1", port))
        _reserved.push(undo.pop_all())
        return True
    return False
