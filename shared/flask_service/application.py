"""The Flask application of a small service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, send_from_directory
from werkzeug.wsgi import get_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers
    from werkzeug.routing import MapAdapter

_FILES = Path(__file__).parent / "static"
_SHARED_FILES = frozenset(path.name for path in _FILES.iterdir())
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

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Return the body: where it is all there, as the list that a server sends at once."""
        body = self.response
        if (
            self.status_code in _WITH_BODY
            and environ["REQUEST_METHOD"] != "HEAD"
            and type(body) is list
            and not self._on_close
            and all(type(part) is bytes for part in body)
        ):
            return body
        return super().get_app_iter(environ)


class Application(Flask):
    """An application whose views, hooks and error handlers are plain functions.

    Flask asks of each, at each request, whether it is a coroutine.
    """

    response_class = PlainResponse

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the URL map to a request; raise ``BadHost`` where its host is none.

        Werkzeug also splits the host, looks for a subdomain, and reads once more what the request
        has read.
        """
        if request is None or self._looks_at_hosts() or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        request.host = get_host(request.environ)
        return self.url_map.bind(
            request.host,
            script_name=request.root_path,
            url_scheme=request.scheme,
            default_method=request.method,
            path_info=request.path,
            query_args=request.query_string.decode(errors="replace"),
        )

    def _looks_at_hosts(self) -> bool:
        settings = self.config["SERVER_NAME"], self.config["TRUSTED_HOSTS"]
        return settings != (None, None) or self.url_map.host_matching or self.subdomain_matching

    def send_static_file(self, filename: str) -> Response:
        """Send one of the application's files, or one that all applications share."""
        if filename in _SHARED_FILES:
            return send_from_directory(_FILES, filename)
        return super().send_static_file(filename)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func
