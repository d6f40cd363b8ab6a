"""What a request of either host works with: the settings, and the notebook it names."""

from __future__ import annotations

from typing import cast

from flask import Flask, abort, current_app, request

from .config import Config
from .notebooks import Notebook, Notebooks

_EXTENSION = "lab"


def init_app(app: Flask, config: Config, notebooks: Notebooks) -> None:
    """Give an application both."""
    app.extensions[_EXTENSION] = (config, notebooks)


def config() -> Config:
    """Return the settings."""
    return cast(Config, current_app.extensions[_EXTENSION][0])


def notebooks() -> Notebooks:
    """Return all notebooks, which both hosts share."""
    return cast(Notebooks, current_app.extensions[_EXTENSION][1])


def notebook_asked_for() -> Notebook:
    """Return the notebook that the address names; a page says so where there is none."""
    try:
        return notebooks().find(request.args.get("notebook", ""))
    except KeyError:
        abort(404)
