"""Signing in and out: the pages, and the order in which a password is judged."""

from __future__ import annotations

import math
from datetime import datetime

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from server1 import error_pages
from server1.client_address import client_address
from server1.demo import DEMO_EMAIL
from server1.handoff import handoff
from server1.headers import content_security_policy
from server1.parts import parts

from . import throttles, users
from .email_addresses import EmailAddressError, fold
from .passwords import (
    HasherBusyError,
    PasswordUnusableError,
    PasswordWrongError,
    check_password,
)
from .signed_in import current_session, holds_session, sign_in, sign_out
from .throttles import Attempt, TooManyAttemptsError
from .users import User, UserUnknownError

BUSY_RETRY_AFTER = 5  # seconds

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def login() -> Response:
    """Show the sign-in page; also to someone who is signed in, when a client asks for it."""
    if handoff.pending_client() is None and current_session() is not None:
        return redirect(url_for("pages.home"), 303)
    return _login_page(200)


@blueprint.post("/login")
def judge_login() -> Response:
    """Sign the user in and send them on, or show the page again with what went wrong."""
    unverified_email = request.form.get("email", "").strip()
    unverified_password = request.form.get("password", "")
    if not unverified_email or not unverified_password:
        return _login_page(400, "Enter your e-mail address and your password.")
    try:
        _sign_in(unverified_email, unverified_password)
    except PasswordUnusableError as error:
        return _login_page(400, str(error))
    except PasswordWrongError:
        # One text for a wrong password, an unknown account and a disabled one.
        return _login_page(403, "This e-mail address and password do not fit together.")
    except TooManyAttemptsError as error:
        seconds = math.ceil(error.retry_after.total_seconds())
        return _login_page(429, f"Too many attempts. {_wait(seconds)}", retry_after=seconds)
    except HasherBusyError:
        return _login_page(
            503, "The server is busy. Try again in a moment.", retry_after=BUSY_RETRY_AFTER
        )
    return redirect(handoff.after_sign_in(default=url_for("pages.home")), 303)


@blueprint.errorhandler(CSRFError)
def other_tab_was_first(error: CSRFError) -> Response:
    """Go on where this tab was going, when the user has signed in in another tab meanwhile.

    No password is judged: what follows is what a link to the same place would do.
    """
    if holds_session() and handoff.pending_client() is not None:
        return redirect(handoff.after_sign_in(default=url_for("pages.home")), 303)
    return error_pages.old_form(error)


@blueprint.get("/logout")
def logout() -> Response:
    """Ask whether to sign out: a link alone, perhaps on a stranger's page, ends nothing."""
    session = current_session()
    if session is None:
        return redirect(url_for("pages.home"), 303)
    return make_response(render_template("accounts/logout.html", user=session.user))


@blueprint.post("/logout")
def confirm_logout() -> Response:
    """Sign out here."""
    with parts().database.writing() as connection:
        sign_out(connection)
    return redirect(url_for("pages.home"), 303)


def _sign_in(unverified_email: str, unverified_password: str) -> None:
    password = check_password(unverified_password)
    now = parts().clock()
    attempt = Attempt(_account(unverified_email), client_address())
    # Side by side, good attempts that are not judged yet would count as failures of each other.
    with parts().hasher.one_at_a_time(f"{attempt.account} {attempt.network}"):
        _judge(attempt, password, now)


def _judge(attempt: Attempt, password: str, now: datetime) -> None:
    with parts().database.writing() as connection:
        throttles.count_failure(connection, attempt, now)
        user = _find_user(connection, attempt.account)
    new_hash = _check(attempt, user, password)
    with parts().database.writing() as connection:
        if user is None or _find_user(connection, attempt.account) != user:
            raise PasswordWrongError("the account changed meanwhile")
        throttles.take_back(connection, attempt, now)
        throttles.note_known(connection, attempt, user, now)
        if new_hash is not None:
            users.set_password_hash(connection, user, new_hash)
        sign_in(connection, user)


def _check(attempt: Attempt, user: User | None, password: str) -> str | None:
    """Check the password, outside any transaction. Return a new hash where the old is outdated."""
    hasher = parts().hasher
    try:
        hasher.check(None if user is None else user.password_hash, password)
        if user is None or user.disabled:
            raise PasswordWrongError
        return hasher.hash(password) if hasher.is_outdated(user.password_hash) else None
    except HasherBusyError:
        with parts().database.writing() as connection:
            throttles.take_back(connection, attempt, parts().clock())
        raise


def _account(unverified_email: str) -> str:
    try:
        return fold(unverified_email)
    except EmailAddressError:
        return ""  # no account has it, and all such texts are throttled as one


def _find_user(connection: Connection, account: str) -> User | None:
    try:
        return users.by_email(connection, account) if account else None
    except UserUnknownError:
        return None


def _login_page(
    status: int, problem: str | None = None, *, retry_after: int | None = None
) -> Response:
    config = parts().config
    client = handoff.pending_client()
    page = render_template(
        "accounts/login.html",
        problem=problem,
        client=client,
        carried=None if client is None else request.values.get("continue"),
        email=handoff.login_hint() or "",
        demo_email=DEMO_EMAIL,
        demo_password=config.demo_password,
    )
    response = make_response(page, status)
    # Chromium applies form-action to every redirect after the form, and the last leads to a client.
    origins = [origin for client in handoff.clients() for origin in client.redirect_origins]
    response.headers["Content-Security-Policy"] = content_security_policy("'self'", *origins)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _wait(seconds: int) -> str:
    if seconds < 90:
        return f"Try again in {seconds} seconds."
    return f"Try again in {math.ceil(seconds / 60)} minutes."
