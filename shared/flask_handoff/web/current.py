"""Flask's current objects themselves: each use of its proxies costs five times as much."""

from __future__ import annotations

from typing import cast

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals
from werkzeug.local import LocalProxy

_request = cast(LocalProxy[Request], request)
_current_app = cast(LocalProxy[Flask], current_app)
_g = cast(LocalProxy[_AppCtxGlobals], g)


def this_request() -> Request:
    """Return the current request."""
    return _request._get_current_object()


def this_app() -> Flask:
    """Return the current application."""
    return _current_app._get_current_object()


def this_g() -> _AppCtxGlobals:
    """Return what the current request keeps."""
    return _g._get_current_object()
