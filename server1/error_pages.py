"""Error pages: what happened, in words for people, and nothing of what was sent."""

from __future__ import annotations

import logging

from flask import Flask, make_response, render_template
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_handoff.web import request_id

RETRY_AFTER = 5  # seconds

_log = logging.getLogger(__name__)

_TEXTS = {
    400: ("This request cannot be read", "Something in it is missing, or not of its form."),
    403: ("This is not allowed", "The request did not come from a page of this server."),
    404: ("There is no such page", "The address may be mistyped, or the page is gone."),
    405: ("This does not work that way", "The page exists, but not for this kind of request."),
    411: ("The length is missing", "A request with content has to say how long it is."),
    413: ("This is too large", "The request holds more than this server takes."),
    414: ("This address is too long", "The request's address holds more than this server takes."),
    415: ("This kind of content is not taken", "Forms are sent here as browsers send them."),
    429: ("Too many requests", "Wait a moment, then try again."),
    500: ("Something went wrong here", "It is not your fault. It has been noted."),
    503: ("This does not work at the moment", "Try again in a few seconds. Nothing was changed."),
}
_OLD_FORM = (
    "This form is too old",
    "The page was open for too long, or cookies are off. Go back, load the page anew, try again.",
)


def init_app(app: Flask) -> None:
    """Answer every error of the application with a page."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, old_form)
    app.register_error_handler(SQLAlchemyError, _database_down)


def _http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    response = _page(error.code, *_TEXTS.get(error.code, _TEXTS[400 if error.code < 500 else 500]))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def old_form(_error: CSRFError) -> Response:
    """Return the page for a form whose token is not this session's."""
    return _page(403, *_OLD_FORM)


def _database_down(error: SQLAlchemyError) -> Response:
    _log.error("database error: %s request_id=%s", _describe(error), request_id())
    response = _page(503, *_TEXTS[503])
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _describe(error: SQLAlchemyError) -> str:
    # Only these speak of the connection; others may quote a person's data.
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return f"{type(error).__name__}: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"{type(error).__name__} ({type(error.orig).__name__})"
    return type(error).__name__


def _page(status: int, title: str, sentence: str) -> Response:
    page = render_template(
        "error_pages/error.html", title=title, sentence=sentence, request_id=request_id()
    )
    return make_response(page, status)
