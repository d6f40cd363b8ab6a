"""The access log: one line a request, on stderr, without query, cookie or anything else secret."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import quote

from flask import Flask, g, request, request_started
from werkzeug.wrappers import Response

from flask_handoff.web import request_id

_LONGEST_PATH = 200  # characters
# Somebody may have pasted a token or a cookie behind the slash; no page of ours has such a name.
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")

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
            _written(request.path),
            response.status_code,
            (time.monotonic() - g.started_at) * 1000,
            request_id(),
        )
        return response

    request_started.connect(note_start, app, weak=False)


def _written(unverified_path: str) -> str:
    shown = _LIKE_A_SECRET.sub("(cut)", unverified_path)[:_LONGEST_PATH]
    return quote(shown, safe="/~:@!$&'()*+,;=")
