"""The access log: one line a request, without query, cookie or anything else that is secret."""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
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
    log = logging.getLogger(f"{app.name}.access")

    def begin(_app: Flask, **_: object) -> None:
        g.request_began = time.perf_counter()

    def write(_app: Flask, response: Response, **_: object) -> None:
        log.info(
            "%s %s %s %d %.1fms request_id=%s",
            client_address(),
            _method(request.method),
            _path(request.path),
            response.status_code,
            (time.perf_counter() - g.request_began) * 1000,
            request_id(),
        )

    request_started.connect(begin, app, weak=False)
    request_finished.connect(write, app, weak=False)


@lru_cache(64)
def _method(unverified_method: str) -> str:
    return quote(unverified_method, safe="")[:LONGEST_METHOD]


@lru_cache(256)
def _path(unverified_path: str) -> str:
    shown = LIKE_A_SECRET.sub("(cut)", unverified_path)
    return quote(shown, safe="/~:@!$&'()*+,;=")[:LONGEST_PATH]
