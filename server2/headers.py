"""The security headers of every response, set where the response has none of its own."""

from __future__ import annotations

from flask import Flask, Response, request

from .config import Config

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ONE_YEAR = 365 * 24 * 60 * 60  # seconds
FIRST_ERROR = 400  # the status of a page, also where a file was asked for
STATIC_FILES = ("static", "pages.favicon")


def init_app(app: Flask, config: Config) -> None:
    """Set the headers on every response of *app*, errors included."""
    headers = dict(HEADERS)
    if config.https:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"

    @app.after_request
    def set_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.endpoint not in STATIC_FILES or response.status_code >= FIRST_ERROR:
            # Every page says who is signed in, or that nobody is.
            response.headers.setdefault("Cache-Control", "no-store")
        return response
