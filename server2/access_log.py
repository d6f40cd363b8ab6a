"""The log: one line a request, on stderr. No query, no cookie and no token ever gets there."""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from typing import TextIO, cast
from urllib.parse import quote

from flask import Flask, Response, g, request, request_finished, request_started
from flask.logging import wsgi_errors_stream

from flask_handoff.web import request_id

LONGEST_PATH = 200  # characters
# Somebody may have pasted a token or a cookie behind the slash; no page of ours has such a name.
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")

_access = logging.getLogger("server2.access")


class OneLineFormatter(logging.Formatter):
    """Writes a message so that nothing in it can begin a new line or colour the terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Write the time in UTC, to the millisecond."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Escape the line; the traceback of a programming error follows it as it is."""
        line = super().formatMessage(record)
        if line.isprintable():
            return line
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def init_app(app: Flask) -> None:
    """Log every request of *app*, and what the library says about handoffs."""
    for name in ("server2", "flask_handoff"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not logger.handlers:
            handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
            handler.setFormatter(OneLineFormatter())
            logger.addHandler(handler)
    request_started.connect(_begin, app)
    request_finished.connect(_write, app)


def _begin(_app: Flask, **_: object) -> None:
    g.request_began = time.perf_counter()


def _write(_app: Flask, response: Response, **_: object) -> None:
    _access.info(
        "%s %s %s %d %.1fms request_id=%s",
        request.remote_addr or "-",
        quote(request.method, safe="")[:16],
        _written(request.path),
        response.status_code,
        (time.perf_counter() - g.request_began) * 1000,
        request_id(),
    )


def _written(unverified_path: str) -> str:
    shown = LIKE_A_SECRET.sub("(cut)", unverified_path)
    return quote(shown, safe="/~:@!$&'()*+,;=")[:LONGEST_PATH]
