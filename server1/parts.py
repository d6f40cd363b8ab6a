"""What the running application is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from flask_handoff.claims import Clock
from flask_service.database import Database

from .accounts.passwords import PasswordHasher
from .config import Config
from .mail.delivery import Delivery

_EXTENSION = "server1"


@dataclass(frozen=True, slots=True)
class Parts:
    """Made once by ``create_app``, for all requests.

    Args:
        delivery: How mail leaves.
    """

    config: Config
    database: Database
    hasher: PasswordHasher
    clock: Clock
    delivery: Delivery


def parts() -> Parts:
    """Return the parts of the current application."""
    return parts_of(current_app)


def parts_of(app: Flask) -> Parts:
    """Return the parts of *app*."""
    return cast(Parts, app.extensions[_EXTENSION])


def install(app: Flask, made: Parts) -> None:
    """Give the application its parts."""
    app.extensions[_EXTENSION] = made
    made.database.init_app(app)
