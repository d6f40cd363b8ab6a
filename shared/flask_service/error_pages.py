"""Errors: one plain sentence, a reference for the log, and nothing of what was sent."""

from __future__ import annotations

import logging
from typing import NamedTuple, cast

from flask import Flask, current_app, make_response, render_template, request
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_handoff import DependencyUnavailableError, problem_details, request_id

RETRY_AFTER = 5  # seconds

_EXTENSION = "error_pages"
_FIRST_ERROR, _OUR_FAULT, _UNAVAILABLE = 400, 500, 503  # statuses
_log = logging.getLogger(__name__)

_TEXTS = {
    400: ("This request is not complete", "Something in it is missing, or not of the right form."),
    403: ("This is not allowed", "The request lacks something that this page needs."),
    404: ("There is no such page", "The address may be mistyped, or what was there is gone."),
    405: ("Method not allowed", "What is there does not take this kind of request."),
    411: ("The length is missing", "A request with content has to say how long it is."),
    413: ("Request too large", "A request holds at most {limit} KiB here. Send less at once."),
    414: ("This address is too long", "Try a shorter one."),
    415: ("This kind of content is not supported", "Forms are sent here as browsers send them."),
    429: ("Too many requests", "Wait a moment, then try again."),
    500: ("Something went wrong here", "It is our fault, not yours, and it has been noted."),
    503: ("Not possible right now", "Something this site needs is unavailable. Try again soon."),
}
"""Title and sentence of each status; those of 400 and 500 stand in for others."""


class _Form(NamedTuple):
    """How one application tells an error."""

    template: str
    programs_below: str | None


def init_app(app: Flask, *, template: str, programs_below: str | None = None) -> None:
    """Answer every error of *app* with a page, and one of its database with status 503.

    Args:
        template: Gets ``status``, ``title``, ``sentence`` and ``request_id``.
        programs_below: The path below which programs ask, ``/api/``: they get problem details.
    """
    app.extensions[_EXTENSION] = _Form(template, programs_below)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, database_error)
    app.register_error_handler(DependencyUnavailableError, _unavailable)


def error_page(status: int, *, title: str = "", sentence: str = "") -> Response:
    """Return the error page for *status*, in other words where some are given.

    Below the path of programs it is no page, but problem details (RFC 9457).
    """
    form = cast(_Form, current_app.extensions[_EXTENSION])
    instead = _FIRST_ERROR if status < _OUR_FAULT else _OUR_FAULT
    usual_title, usual_sentence = _TEXTS.get(status) or _TEXTS[instead]
    most = current_app.config["MAX_CONTENT_LENGTH"] or 0
    usual_sentence = usual_sentence.format(limit=most // 1024)
    if form.programs_below and request.path.startswith(form.programs_below):
        return problem_details(status, sentence or usual_sentence)
    page = render_template(
        form.template,
        status=status,
        title=title or usual_title,
        sentence=sentence or usual_sentence,
        request_id=request_id(),
    )
    return make_response(page, status)


def database_error(error: SQLAlchemyError) -> Response:
    """Log an error of the database, and return the page for it."""
    log_database_error(error)
    return _unavailable_page()


def log_database_error(error: SQLAlchemyError) -> None:
    """Log an error of the database, without the data that it may quote."""
    _log.error("database error: %s request_id=%s", _describe(error), request_id())


def _unavailable(error: DependencyUnavailableError) -> Response:
    _log.error("unavailable: %s request_id=%s", error, request_id())
    return _unavailable_page()


def _unavailable_page() -> Response:
    response = error_page(_UNAVAILABLE)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < _FIRST_ERROR or error.response is not None:
        return error
    # Werkzeug's own response keeps what belongs to the status, such as Allow and Retry-After.
    response = Response.from_app(error, request.environ)
    page = error_page(error.code)
    response.data, response.content_type = page.data, page.content_type
    return response


def _describe(error: SQLAlchemyError) -> str:
    # Only these speak of the connection; others may quote a person's data.
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return f"{type(error).__name__}: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"{type(error).__name__} ({type(error.orig).__name__})"
    return type(error).__name__
