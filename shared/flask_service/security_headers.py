"""Headers that every response carries: what a browser may do with the page, and keep of it."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response

from .current import this_request

_FIRST_ERROR = 400  # the status of a page, also where a file was asked for
_ONE_YEAR = 365 * 24 * 60 * 60  # seconds


def content_security_policy(*form_action: str) -> str:
    """Return the policy of a page whose forms may lead to these sources, redirects included."""
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {' '.join(form_action)}"
    )


def init_app(app: Flask, *, https: bool, files: Collection[str] = ("static",)) -> None:
    """Add the headers to every response of *app* that has not set its own, errors included.

    Args:
        app: The whole application.
        https: Whether browsers reach it over https; then they get an HSTS header.
        files: The endpoints whose responses are the same for everybody, and may be kept.
    """
    defaults = {
        "Content-Security-Policy": content_security_policy("'self'"),
        "Cross-Origin-Opener-Policy": "same-origin",
        # no-referrer would make browsers send "Origin: null" with our own forms.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if https:
        defaults["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
    personal = {**defaults, "Cache-Control": "no-store"}

    @app.after_request
    def add_headers(response: Response) -> Response:
        # Every page says who is signed in, or that nobody is.
        is_file = this_request().endpoint in files and response.status_code < _FIRST_ERROR
        wanted = defaults if is_file else personal
        there = {name.title() for name, _value in response.headers}
        for name, value in wanted.items():
            if name not in there:
                response.headers.add(name, value)
        return response
