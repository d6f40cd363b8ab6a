"""The Flask application of a small service."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

_WITH_BODY = (200, 303)  # the usual statuses at which a length is always told
# Without a character that would have to be percent-encoded, or a host to be written otherwise.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._~%/:?&=+,-]*", re.ASCII)


class PlainResponse(Response):
    """A response that is sent as it is, where Werkzeug would find nothing to correct.

    Werkzeug copies all headers, and takes a redirect's address apart and together again.
    """

    max_cookie_size = 4093  # Werkzeug's; Flask asks the configuration for each cookie

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers that are sent."""
        there = dict(iter(self.headers))
        if (
            self.status_code in _WITH_BODY
            and "Content-Length" in there
            and _PLAIN_ADDRESS.fullmatch(there.get("Location", ""))
        ):
            return self.headers
        return super().get_wsgi_headers(environ)


class Application(Flask):
    """An application whose views, hooks and error handlers are plain functions.

    Flask asks of each, at each request, whether it is a coroutine.
    """

    response_class = PlainResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func
