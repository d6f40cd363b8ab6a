"""The Flask application of a small service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask


class Application(Flask):
    """An application whose views, hooks and error handlers are plain functions.

    Flask asks of each, at each request, whether it is a coroutine.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func
