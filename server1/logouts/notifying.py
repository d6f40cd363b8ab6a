"""Which clients this process is notifying now: one that hangs holds up one thread, and not all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar


class _OfAClient(Protocol):
    @property
    def client_id(self) -> str: ...


_Logout = TypeVar("_Logout", bound=_OfAClient)


class Notifying:
    """Gives each client one notification at a time, among the threads of this process.

    It is kept in memory and not in the database, so that it ends with the process: a row that says
    so would go on holding the client's other log-outs back after a crash.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: set[str] = set()

    def begin(self, claim: Callable[[Collection[str]], _Logout | None]) -> _Logout | None:
        """Claim a log-out of a client that is not being notified; ``end`` has to follow.

        Args:
            claim: Claims one, but none of these clients'.
        """
        with self._lock:  # of two threads that look at once, the second sees the first one's client
            logout = claim(frozenset(self._clients))
            if logout is not None:
                self._clients.add(logout.client_id)
            return logout

    def end(self, logout: _OfAClient) -> None:
        """Let the client be notified of its next log-out."""
        with self._lock:
            self._clients.remove(logout.client_id)
