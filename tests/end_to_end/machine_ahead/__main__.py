"""SERVER1 on a machine whose clock is ahead: ``python -m tests.end_to_end.machine_ahead``."""

from datetime import datetime, timedelta
from functools import partial

from flask import Flask

from flask_handoff.claims import system_clock
from flask_service.processes import serving
from flask_service.settings import Serving
from server1 import create_app
from server1.config import Config

AHEAD = timedelta(seconds=4)


def _clock() -> datetime:
    return system_clock() + AHEAD


def application() -> Flask:
    """Build the application of one worker process, which leaves the outbox to the others."""
    return serving.in_worker(partial(create_app, clock=_clock))


def _prepare() -> Serving:
    return Config.from_environment().serving


if __name__ == "__main__":
    serving.serve("tests.end_to_end.machine_ahead", _prepare)
