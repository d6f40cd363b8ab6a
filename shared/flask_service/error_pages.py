"""Error pages: one plain sentence, a reference for the log, and nothing of what was sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, current_app, make_response, render_template, request
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_handoff import request_id

RETRY_AFTER = 5  # seconds

_EXTENSION = "error_pages"
_FIRST_ERROR, _OUR_FAULT, _UNAVAILABLE = 400, 500, 503  # statuses
_log = logging.getLogger(__name__)


def init_app(app: Flask, texts: Mapping[int, tuple[str, str]], *, template: str) -> None:
    """Answer every error of *app* with a page, and one of its database with status 503.

    Args:
        app: The whole application.
        texts: Title and sentence of each status; those of 400 and 500 stand in for others.
        template: Gets ``status``, ``title``, ``sentence`` and ``request_id``.
    """
    app.extensions[_EXTENSION] = (texts, template)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, database_error)


def error_page(status: int, *, title: str = "", sentence: str = "") -> Response:
    """Return the error page for *status*, in other words where some are given."""
    texts, template = current_app.extensions[_EXTENSION]
    instead = _FIRST_ERROR if status < _OUR_FAULT else _OUR_FAULT
    usual_title, usual_sentence = texts.get(status) or texts[instead]
    page = render_template(
        template,
        status=status,
        title=title or usual_title,
        sentence=sentence or usual_sentence,
        request_id=request_id(),
    )
    return make_response(page, status)


def database_error(error: SQLAlchemyError) -> Response:
    """Log an error of the database, and return the page for it."""
    log_database_error(error)
    response = error_page(_UNAVAILABLE)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def log_database_error(error: SQLAlchemyError) -> None:
    """Log an error of the database, without the data that it may quote."""
    _log.error("database error: %s request_id=%s", _describe(error), request_id())


def _http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < _FIRST_ERROR or error.response is not None:
        return error
    # Werkzeug's own response keeps what belongs to the status, such as Allow and Retry-After.
    response = Response.from_app(error, request.environ)
    response.data = error_page(error.code).data
    response.content_type = "text/html; charset=utf-8"
    return response


def _describe(error: SQLAlchemyError) -> str:
    # Only these speak of the connection; others may quote a person's data.
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return f"{type(error).__name__}: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"{type(error).__name__} ({type(error.orig).__name__})"
    return type(error).__name__
