"""What a request of either host finds: the settings, and what the servers have told."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from .config import Config
from .hops import Hops

_EXTENSION = "lab"


def init_app(app: Flask, config: Config, hops: Hops) -> None:
    """Give an application both."""
    app.extensions[_EXTENSION] = (config, hops)


def config() -> Config:
    """Return the settings."""
    return cast(Config, current_app.extensions[_EXTENSION][0])


def hops() -> Hops:
    """Return the hops that the servers have told of."""
    return cast(Hops, current_app.extensions[_EXTENSION][1])
