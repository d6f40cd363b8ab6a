"""A bell: wakes every thread that listens, for work that several of them share."""

from __future__ import annotations

import threading


class Bell:
    """Wakes the threads of this process that listen."""

    def __init__(self) -> None:
        self._listeners: list[threading.Event] = []

    def listen(self) -> threading.Event:
        """Return an event of the caller's own, which is set whenever the bell is rung."""
        event = threading.Event()
        self._listeners.append(event)
        return event

    def ring(self) -> None:
        """Wake whoever listens."""
        for event in self._listeners:
            event.set()
