"""The settings of the lab, as a request of either host finds them."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from .config import Config

_EXTENSION = "lab"


def init_app(app: Flask, config: Config) -> None:
    """Give an application the settings."""
    app.extensions[_EXTENSION] = config


def config() -> Config:
    """Return the settings."""
    return cast(Config, current_app.extensions[_EXTENSION])
