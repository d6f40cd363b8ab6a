"""The clock of the application: what time it is, to everything in it."""

from __future__ import annotations

from datetime import datetime

from flask import Flask

from flask_handoff.claims import Clock
from flask_service.current import this_app

_EXTENSION = "clock"


def init_app(app: Flask, clock: Clock) -> None:
    """Have *clock* tell the application the time."""
    app.extensions[_EXTENSION] = clock


def now() -> datetime:
    """Tell the time, by the clock of the current application."""
    clock: Clock = this_app().extensions[_EXTENSION]
    return clock()
