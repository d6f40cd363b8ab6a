"""The access log: one line a request, without query, cookie or anything else that is secret."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import quote

from flask import Flask, Response, g, request, request_finished, request_started

from flask_handoff import request_id

from .client_address import client_address

LONGEST_PATH = 200  # characters
LONGEST_METHOD = 16  # characters
# Somebody may have pasted a token or a cookie behind the slash; no page has such a name.
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")


def init_app(app: Flask) -> None:
    """Write a line for each response of *app*, through the logger ``<the app's name>.access``."""
    request_started.connect(_begin, app)
    request_finished.connect(_write, app)


def _begin(_app: Flask, **_: object) -> None:
    g.request_began = time.perf_counter()


def _write(app: Flask, response: Response, **_: object) -> None:
    logging.getLogger(f"{app.name}.access").info(
        "%s %s %s %d %.1fms request_id=%s",
        client_address(),
        quote(request.method, safe="")[:LONGEST_METHOD],
        _written(request.path),
        response.status_code,
        (time.perf_counter() - g.request_began) * 1000,
        request_id(),
    )


def _written(unverified_path: str) -> str:
    shown = LIKE_A_SECRET.sub("(cut)", unverified_path)
    return quote(shown, safe="/~:@!$&'()*+,;=")[:LONGEST_PATH]
