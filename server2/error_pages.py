"""Error pages: one plain sentence, a reference for the log, and nothing of what was sent."""

from __future__ import annotations

import logging

from flask import Flask, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.return_to import check_return_to
from flask_handoff.web import request_id

from .handoff import handoff
from .notes import LONGEST
from .sessions import ScopeMissingError, SignedOutError, current_session

RETRY_AFTER = 5  # seconds
_log = logging.getLogger(__name__)

_PAGES = {
    400: ("This request is not complete", "Something in it is missing, doubled or misspelt."),
    403: ("That is not allowed here", "This page needs something that your request did not bring."),
    404: ("There is no such page", "The address may be mistyped, or what was here is gone."),
    405: ("Not like this", "This address exists, but not for this kind of request."),
    411: ("The length is missing", "A request with a body has to say how long it is."),
    413: ("That is too much at once", "The request is larger than anything this site accepts."),
    414: ("That address is too long", "Try a shorter one."),
    415: ("That kind of content is not read here", "This site reads ordinary forms."),
    429: ("Too many requests", "Wait a little, then try again."),
    500: ("Something went wrong here", "It is our fault, not yours, and it has been noted."),
    503: ("Not possible right now", "Something this site needs is out of reach. Try again soon."),
}
_OTHER = ("This request cannot be answered", "The server does not know what to do with it.")


def init_app(app: Flask) -> None:
    """Answer every error of *app* with a page of this site."""

    @app.errorhandler(CSRFError)
    def form_too_old(_error: CSRFError) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
        try:
            return _unsaved(signed_out=current_session() is None)
        except SQLAlchemyError as error:  # raised in here, no handler would see it
            return _database_error(error)

    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, _database_error)
    app.register_error_handler(ScopeMissingError, _scope_missing)
    app.register_error_handler(SignedOutError, _signed_out)


def error_page(status: int, *, title: str = "", sentence: str = "") -> str:
    """Render the error page for *status*, in other words where some are given."""
    usual_title, usual_sentence = _PAGES.get(status, _OTHER)
    return render_template(
        "error.html",
        status=status,
        title=title or usual_title,
        sentence=sentence or usual_sentence,
        request_id=request_id(),
    )


def _http_error(error: HTTPException) -> Response | HTTPException:
    if isinstance(error, RequestRedirect) or error.code is None:
        return error
    # Werkzeug's own response keeps what belongs to the status, such as Allow and Retry-After.
    response = Response.from_app(error, request.environ)
    response.data = error_page(error.code)
    response.content_type = "text/html; charset=utf-8"
    return response


def _database_error(error: SQLAlchemyError) -> tuple[str, int, dict[str, str]]:
    _log.error("database: %s request_id=%s", type(error).__name__, request_id())
    return error_page(503), 503, {"Retry-After": str(RETRY_AFTER)}


def _scope_missing(error: ScopeMissingError) -> tuple[str, int]:
    sentence = f"Your session was not granted {error.scope}. The server you came from decides that."
    return error_page(403, sentence=sentence), 403


def _signed_out(_error: SignedOutError) -> Response | tuple[str, int]:
    if request.method in {"GET", "HEAD"}:
        return redirect(handoff.login_url(_this_page()), 303)
    # No redirect from a form: Chromium would hold it against form-action, and stop at SERVER1.
    return _unsaved(signed_out=True)


def _this_page() -> str | None:
    query = request.query_string.decode("ascii", "replace")
    try:
        return check_return_to(f"{request.path}?{query}" if query else request.path)
    except UnsafeReturnToError:
        return None


def _unsaved(*, signed_out: bool) -> tuple[str, int]:
    page = render_template(
        "unsaved.html",
        signed_out=signed_out,
        typed=_typed_here(),
        longest=LONGEST,
        request_id=request_id(),
    )
    return page, 403


def _typed_here() -> str:
    # What another site sent never comes so far: forgery.py refuses it before.
    return request.form.get("text", "") if request.path == "/notes" else ""
