"""Flask's current objects themselves: each use of its proxies costs five times as much."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals
from werkzeug.local import LocalProxy

this_request: Callable[[], Request] = cast(LocalProxy[Request], request)._get_current_object
"""Return the current request."""

this_app: Callable[[], Flask] = cast(LocalProxy[Flask], current_app)._get_current_object
"""Return the current application."""

this_g: Callable[[], _AppCtxGlobals] = cast(LocalProxy[_AppCtxGlobals], g)._get_current_object
"""Return what the current request keeps."""
