"""The access log: one line a request, without query, cookie or anything else that is secret."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask

from flask_handoff import request_id

from .client_address import client_address
from .current import this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LONGEST_PATH = 200  # characters
LONGEST_METHOD = 16  # characters
# Somebody may have pasted a token or a cookie behind the slash; no page has such a name.
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")


def init_app(app: Flask) -> None:
    """Write a line for each response of *app*, through the logger ``<the app's name>.access``."""
    log = logging.getLogger(f"{app.name}.access")
    answer = app.wsgi_app

    def answer_and_log(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            log.info(
                "%s %s %s %s %.1fms request_id=%s",
                client_address(),
                _method(environ["REQUEST_METHOD"]),
                _path(this_request().path),
                status[:3],
                (time.perf_counter() - began) * 1000,
                request_id(),
            )
            return start_response(status, headers, *exc_info)

        return answer(environ, start)

    app.wsgi_app = answer_and_log  # type: ignore[method-assign]


@lru_cache(64)
def _method(unverified_method: str) -> str:
    return quote(unverified_method, safe="")[:LONGEST_METHOD]


@lru_cache(256)
def _path(unverified_path: str) -> str:
    shown = LIKE_A_SECRET.sub("(cut)", unverified_path)
    return quote(shown, safe="/~:@!$&'()*+,;=")[:LONGEST_PATH]
