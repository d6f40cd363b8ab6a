"""The error pages of SERVER1."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from flask_service import error_pages
from flask_service.error_pages import error_page

_OLD_FORM = (
    "The page was open for too long, or cookies are off. Go back, reload the page, and try again."
)


def init_app(app: Flask) -> None:
    """Answer every error of the application with a page."""
    error_pages.init_app(app, template="error_pages/error.html")


def old_form(_error: CSRFError) -> Response:
    """Return the page for a form whose token is not this session's."""
    return error_page(403, title="This form is too old", sentence=_OLD_FORM)
