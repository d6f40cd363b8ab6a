"""The access log: one line a request, on stderr, without query, cookie or anything else secret."""

from __future__ import annotations

import logging
import time
from urllib.parse import quote

from flask import Flask, g, request, request_started
from werkzeug.wrappers import Response

from flask_handoff.front_door import request_id

_LONGEST_PATH = 200  # characters

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Write a line for each answer."""

    def note_start(_app: Flask, **_extra: object) -> None:
        g.started_at = time.monotonic()

    @app.after_request
    def write_line(response: Response) -> Response:
        _log.info(
            "%s %s %s %d %dms request_id=%s",
            request.remote_addr or "-",
            quote(request.method[:16], safe=""),
            quote(request.path[:_LONGEST_PATH], safe="/~:@!$&'()*+,;="),
            response.status_code,
            (time.monotonic() - g.started_at) * 1000,
            request_id(),
        )
        return response

    request_started.connect(note_start, app, weak=False)
