"""Closing an account: all that belongs to it is deleted, and its subject is never used again."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from server1 import clock
from server1.accounts import credentials, revocation
from server1.accounts.users import User
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import add_sign_in_redirect, session_here, sign_out

from .forms import REFUSALS, Problem, form_page, problem_of

blueprint = Blueprint("closing", __name__)
add_sign_in_redirect(blueprint)


@blueprint.get("/account/close")
def close_account() -> Response:
    """Ask for the password, and say what is lost."""
    return _close_page()


@blueprint.post("/account/close")
def confirm_close() -> Response:
    """Close the account."""
    here = session_here()
    try:
        credentials.authenticate(
            here.user.email,
            request.form.get("password", ""),
            address=client_address(),
            on_success=_close,
        )
    except REFUSALS as error:
        return _close_page(problem_of(error))
    return redirect(url_for(".closed"), 303)


@blueprint.get("/account/closed")
def closed() -> Response:
    """Say that the account is gone."""
    return make_response(render_template("accounts/closed.html"))


def _close(connection: Connection, user: User) -> None:
    sign_out(connection)
    revocation.delete_account(connection, user)
    enqueue(
        connection,
        EmailKind.ACCOUNT_CLOSED,
        address=user.email,
        subject=user.subject,
        now=clock.now(),
    )


def _close_page(problem: Problem | None = None) -> Response:
    return form_page("accounts/close.html", problem, user=session_here().user)
