"""Form pages: a form for a person, and the same form again with what went wrong.

What was typed is never repeated. ``kept-fields.js`` has the browser keep what is no secret.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, current_app, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from server1.accounts import credentials
from server1.accounts.email_addresses import EmailAddressError, fold
from server1.accounts.mail_links import LinkExpiredError, LinkReplacedError, LinkUnknownError
from server1.accounts.passwords import PasswordUnusableError, PasswordWrongError
from server1.accounts.throttles import Attempt, TooManyAttemptsError
from server1.accounts.turns import HasherBusyError
from server1.accounts.users import User, UserNameError
from server1.config import config
from server1.signed_in import NotSignedInError, current_session, session_here

from . import error_pages

BUSY_RETRY_AFTER = timedelta(seconds=5)


_OLD_FORM = "This form is too old, or cookies are off. Look it over, and send it again."


class FormError(Exception):
    """A form was refused, and its page says why.

    Args:
        status: Of the response.
        sentence: For people.
        retry_after: When to try again, where waiting helps.
    """

    def __init__(self, status: int, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after


REFUSALS = (
    EmailAddressError,
    FormError,
    HasherBusyError,
    PasswordUnusableError,
    PasswordWrongError,
    TooManyAttemptsError,
    UserNameError,
)
"""What a form may be refused for."""

Page = Callable[[FormError | None], Response]
"""Renders a form: for the first time, or with why it was refused."""


def form_view(
    page: Page, *, wrong: str = "This password is not right."
) -> Callable[[Callable[[], Response]], Callable[[], Response]]:
    """Make a form's view of the function that handles its POST.

    GET shows the page, and so does a POST that is refused, with the reason.

    Args:
        page: Of the form.
        wrong: What the page says of a wrong password.
    """

    def decorate(submit: Callable[[], Response]) -> Callable[[], Response]:
        @wraps(submit)
        def view() -> Response:
            if request.method != "POST":
                return page(None)
            try:
                return submit()
            except REFUSALS as error:
                return page(_form_error(error, wrong))

        view.form_page = page  # type: ignore[attr-defined]
        return view

    return decorate


def old_form(error: CSRFError) -> Response:
    """Show a form again whose token is not this session's, for what was typed is in its fields.

    A page says that it is too old where there is no such form, or nobody is signed in for it.
    """
    page = getattr(current_app.view_functions.get(request.endpoint or ""), "form_page", None)
    if page is not None:
        with suppress(NotSignedInError, LinkUnknownError, LinkExpiredError, LinkReplacedError):
            return cast(Response, page(FormError(403, _OLD_FORM)))
    return error_pages.old_form(error)


def form_page(template: str, error: FormError | None = None, **context: object) -> Response:
    """Render a form, for the first time or with why it was refused."""
    page = render_template(template, problem=error and str(error), **context)
    response = make_response(page, 200 if error is None else error.status)
    if error is not None and error.retry_after is not None:
        response.headers["Retry-After"] = str(_seconds(error.retry_after))
    return response


def account_page(template: str) -> Page:
    """Return the page of a form about the account that is signed in."""
    return lambda error: form_page(template, error, user=session_here().user)


def add_notice(blueprint: Blueprint, path: str, endpoint: str, template: str) -> None:
    """Add a page that says what was done, and asks for nothing."""
    blueprint.add_url_rule(path, endpoint, lambda: notice_page(template))


def notice_page(template: str, **context: object) -> str:
    """Render a page that says what was done; its head has the menu of who is signed in."""
    current_session()
    return render_template(template, **context)


def authenticated(email: str) -> AbstractContextManager[tuple[Connection, User]]:
    """Check the password of this request's form, see ``credentials.authenticated``."""
    return credentials.authenticated(
        email, request.form.get("password", ""), address=client_address()
    )


def known_about(email: str, name: str) -> tuple[str, str, str]:
    """Return what an attacker knows about an account, for the password rules."""
    return email, name, urlsplit(config().issuer).netloc


def attempt_here(email: str) -> Attempt:
    """Return an attempt of this request, for the throttles."""
    return Attempt(fold(email), client_address())


def _form_error(error: Exception, wrong: str) -> FormError:
    match error:
        case FormError():
            return error
        case PasswordWrongError():
            return FormError(403, wrong)
        case TooManyAttemptsError(retry_after=wait):
            return FormError(429, f"Too many attempts. {_try_again(wait)}", wait)
        case HasherBusyError():
            return FormError(503, "The server is busy. Try again in a moment.", BUSY_RETRY_AFTER)
        case _:
            return FormError(400, str(error))


def _try_again(wait: timedelta) -> str:
    seconds = _seconds(wait)
    if seconds < 90:
        return f"Try again in {seconds} second{'' if seconds == 1 else 's'}."
    return f"Try again in {math.ceil(seconds / 60)} minutes."


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())
