"""The error pages of SERVER2, and what becomes of a text that could not be saved."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from flask_handoff import request_id
from flask_service import error_pages
from flask_service.error_pages import database_error, error_page

from .handoff import handoff
from .notes import LONGEST
from .pages import has_signed_out
from .sessions import (
    ScopeMissingError,
    SessionUnconfirmedError,
    SignedOutError,
    current_session,
    end_unconfirmed_session,
)


def init_app(app: Flask) -> None:
    """Answer every error of *app* with a page of this site, or with JSON where programs ask."""
    error_pages.init_app(app, template="error.html", programs_below="/api/")
    app.register_error_handler(CSRFError, _form_too_old)
    app.register_error_handler(ScopeMissingError, _scope_missing)
    app.register_error_handler(SignedOutError, _signed_out)
    app.register_error_handler(SQLAlchemyError, _database_failed)


def _form_too_old(_error: CSRFError) -> Response | tuple[str, int]:
    try:
        if request.endpoint == "pages.logout" and has_signed_out():
            # Its button was pressed twice: the page says what has ended, and what goes on.
            return redirect(url_for("pages.ask_logout"), 303)
        return _unsaved(signed_out=current_session() is None)
    except SQLAlchemyError as error:  # raised in here, no handler would see it
        return database_error(error)


def _scope_missing(error: ScopeMissingError) -> Response:
    sentence = f"Your session was not granted {error}. The server you came from decides that."
    return error_page(403, sentence=sentence)


def _signed_out(error: SignedOutError) -> Response | tuple[str, int]:
    if request.method == "GET":
        try:
            end_unconfirmed_session()
        except SQLAlchemyError as failure:  # raised in here, no handler would see it
            return database_error(failure)
    if request.method in {"GET", "HEAD"}:
        prompt = "none" if isinstance(error, SessionUnconfirmedError) else None
        return redirect(handoff.login_url(_this_page(), prompt=prompt), 303)
    # No redirect from a form: Chromium would hold it against form-action, and stop at SERVER1.
    return _unsaved(signed_out=True)


def _database_failed(error: SQLAlchemyError) -> Response:
    unavailable = database_error(error)
    if request.endpoint == "notes.add_note":
        page, _status = _unsaved(signed_out=False, unavailable=True)
        unavailable.set_data(page)
    return unavailable


def _this_page() -> str:
    # As it was asked for; the path is decoded, the query is not. /sso/login checks both.
    path, query = (
        quote(request.path, safe="/:@!$&'()*+,;=~"),
        request.query_string.decode("latin-1"),
    )
    return f"{path}?{query}" if query else path


def _unsaved(*, signed_out: bool, unavailable: bool = False) -> tuple[str, int]:
    page = render_template(
        "unsaved.html",
        signed_out=signed_out,
        unavailable=unavailable,
        # What another site sent never comes so far: csrf refuses it before.
        typed=request.form.get("text", "") if request.path == "/notes" else "",
        longest=LONGEST,
        request_id=request_id(),
    )
    return page, 403
