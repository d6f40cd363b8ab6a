"""Cross-Origin Resource Sharing: which endpoints a script of any site may call."""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.wrappers import Response

from .current import this_request

_FIRST_ERROR = 400  # the least status that says why
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    # Swagger UI sends the last one with its request for a token.
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Requested-With",
    "Access-Control-Max-Age": "7200",  # seconds; Chromium keeps it no longer
}


def allow_every_origin(*endpoints: str) -> Callable[[Response], Response]:
    """Make an ``after_request`` that lets scripts of any origin read what these endpoints answer.

    For endpoints that read no cookie: what a script gets there, any program gets that knows the
    same token. Flask answers a preflight (OPTIONS) by itself; here it gets its headers.

    Source: Fetch, section 3.3 (HTTP CORS protocol).
    """

    def add_headers(response: Response) -> Response:
        request = this_request()
        if request.endpoint in endpoints:
            # Never with Access-Control-Allow-Credentials, which would let cookies along.
            response.headers["Access-Control-Allow-Origin"] = "*"
            if request.method == "OPTIONS":
                response.headers.update(_PREFLIGHT)
            elif response.status_code >= _FIRST_ERROR and "WWW-Authenticate" in response.headers:
                response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate"
        return response

    return add_headers
