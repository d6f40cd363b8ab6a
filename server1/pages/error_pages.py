"""What the error pages of SERVER1 say."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from flask_service import error_pages
from flask_service.error_pages import error_page

_TEXTS = {
    400: ("This request cannot be read", "Something in it is missing, or not of its form."),
    403: ("This is not allowed", "The request did not come from a page of this server."),
    404: ("There is no such page", "The address may be mistyped, or the page is gone."),
    405: ("Method not allowed", "The page exists, but not for this kind of request."),
    411: ("The length is missing", "A request with content has to say how long it is."),
    413: ("Request too large", "The request is larger than this server accepts."),
    414: ("This address is too long", "The address is longer than this server accepts."),
    415: ("This kind of content is not taken", "Forms are sent here as browsers send them."),
    429: ("Too many requests", "Wait a moment, then try again."),
    500: ("Something went wrong here", "It is not your fault. It has been noted."),
    503: ("This does not work at the moment", "Try again in a few seconds. Nothing was changed."),
}
_OLD_FORM = (
    "The page was open for too long, or cookies are off. Go back, reload the page, and try again."
)


def init_app(app: Flask) -> None:
    """Answer every error of the application with a page."""
    error_pages.init_app(app, _TEXTS, template="error_pages/error.html")
    app.register_error_handler(CSRFError, old_form)


def old_form(_error: CSRFError) -> Response:
    """Return the page for a form whose token is not this session's."""
    return error_page(403, title="This form is too old", sentence=_OLD_FORM)
