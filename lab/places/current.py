"""What a request of either host works with: the notebook that it names."""

from __future__ import annotations

from typing import cast

from flask import Flask, abort, current_app, request

from .notebooks import Notebook, Notebooks

_EXTENSION = "lab.places"


def init_app(app: Flask, notebooks: Notebooks) -> None:
    """Give an application the notebooks."""
    app.extensions[_EXTENSION] = notebooks


def notebooks() -> Notebooks:
    """Return all notebooks, which both hosts share."""
    return cast(Notebooks, current_app.extensions[_EXTENSION])


def notebook_asked_for() -> Notebook:
    """Return the notebook that the address names; a page says so where there is none."""
    try:
        return notebooks().find(request.args.get("notebook", ""))
    except KeyError:
        abort(404)
