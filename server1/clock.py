"""The clock of the application: what time it is, to everything in it."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, current_app

from flask_handoff.claims import Clock

_EXTENSION = "clock"


def init_app(app: Flask, clock: Clock) -> None:
    """Have *clock* tell the application the time."""
    app.extensions[_EXTENSION] = clock


def now() -> datetime:
    """Tell the time, by the clock of the current application."""
    clock: Clock = current_app.extensions[_EXTENSION]
    return clock()
