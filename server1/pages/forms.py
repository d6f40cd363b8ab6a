"""Form pages: a form for a person, and the same form again with what went wrong.

What was typed is never repeated. ``kept-fields.js`` has the browser keep what is no secret.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from flask import make_response, render_template
from werkzeug.wrappers import Response

from server1.accounts.email_addresses import EmailAddressError
from server1.accounts.passwords import HasherBusyError, PasswordUnusableError, PasswordWrongError
from server1.accounts.throttles import TooManyAttemptsError
from server1.accounts.users import UserNameError

BUSY_RETRY_AFTER = timedelta(seconds=5)

REFUSALS = (
    EmailAddressError,
    HasherBusyError,
    PasswordUnusableError,
    PasswordWrongError,
    TooManyAttemptsError,
    UserNameError,
)
"""What a form may be refused for; ``problem_of`` says each of them in words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form was not taken, as its page says it.

    Args:
        status: Of the answer.
        sentence: For people.
        retry_after: When to try again, where waiting helps.
    """

    status: int
    sentence: str
    retry_after: timedelta | None = None


def problem_of(error: Exception, *, wrong: str = "This password is not right.") -> Problem:
    """Say why a form was not taken.

    Args:
        error: One of ``REFUSALS``.
        wrong: What to say of a wrong password.
    """
    match error:
        case PasswordWrongError():
            return Problem(403, wrong)
        case TooManyAttemptsError(retry_after=wait):
            return Problem(429, f"Too many attempts. {_try_again(wait)}", wait)
        case HasherBusyError():
            sentence = "The server is busy. Try again in a moment."
            return Problem(503, sentence, BUSY_RETRY_AFTER)
        case _:
            return Problem(400, str(error))


def form_page(template: str, problem: Problem | None = None, **context: object) -> Response:
    """Render a form, with a problem or for the first time."""
    page = render_template(template, problem=problem and problem.sentence, **context)
    response = make_response(page, 200 if problem is None else problem.status)
    if problem is not None and problem.retry_after is not None:
        response.headers["Retry-After"] = str(_seconds(problem.retry_after))
    return response


def _try_again(wait: timedelta) -> str:
    seconds = _seconds(wait)
    if seconds < 90:
        return f"Try again in {seconds} seconds."
    return f"Try again in {math.ceil(seconds / 60)} minutes."


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())
