"""Recovery: a new password for whoever reads the mails of the account's address."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from flask_service.database import database
from server1 import audit, clock
from server1.accounts import links, passwords, revocation, throttles, users
from server1.accounts.email_addresses import check_address, fold
from server1.accounts.mail_links import Link, Purpose
from server1.accounts.password_rules import check_new_password
from server1.accounts.throttles import Attempt
from server1.audit import Event
from server1.mail.queue import EmailKind, enqueue

from .forms import REFUSALS, Problem, form_page, problem_of
from .link_pages import add_link_errors, find_link

blueprint = Blueprint("recovery", __name__)
add_link_errors(blueprint)


@blueprint.get("/forgot-password")
def forgot_password() -> Response:
    """Ask for the account's address."""
    return _forgot_page()


@blueprint.post("/forgot-password")
def send_link() -> Response:
    """Have a link sent. The answer does not tell whether there is such an account."""
    try:
        email = check_address(request.form.get("email", ""))
        now = clock.now()
        attempt = Attempt(fold(email), client_address())
        with database().writing() as connection:
            throttles.count_mail(connection, EmailKind.RESET_PASSWORD, attempt, now)
            enqueue(connection, EmailKind.RESET_PASSWORD, address=email, now=now)
            audit.record(connection, Event.RESET_REQUESTED)
    except REFUSALS as error:
        return _forgot_page(problem_of(error))
    return redirect(url_for(".sent"), 303)


@blueprint.get("/forgot-password/sent")
def sent() -> Response:
    """Say that a mail is on its way, if there is such an account."""
    return make_response(render_template("accounts/forgot_sent.html"))


@blueprint.get("/reset-password")
def reset_password() -> Response:
    """Ask for the new password."""
    return _reset_page(find_link(Purpose.RESET_PASSWORD))


@blueprint.post("/reset-password")
def set_password() -> Response:
    """Give the account its new password, and end every session that the old one opened."""
    link = find_link(Purpose.RESET_PASSWORD)
    try:
        about = (link.user.email, link.user.name, "SERVER1")
        password = check_new_password(request.form.get("password", ""), about)
        password_hash = passwords.hasher().hash(password)
    except REFUSALS as error:
        return _reset_page(link, problem_of(error))
    with database().writing() as connection:
        _reset(connection, link, password_hash)
    return redirect(url_for(".done"), 303)


@blueprint.get("/reset-password/done")
def done() -> Response:
    """Say that the new password holds from now on."""
    return make_response(render_template("accounts/reset_done.html"))


def _reset(connection: Connection, link: Link, password_hash: str) -> None:
    user, now = link.user, clock.now()
    users.lock(connection, user)
    links.consume(connection, link)
    # Whoever asked for these may have been somebody else, who was signed in then.
    links.revoke(connection, user, Purpose)
    users.set_password_hash(connection, user, password_hash)
    users.set_email_verified(connection, user)
    revocation.revoke_all_sessions(connection, user)
    throttles.forget_known(connection, user)
    throttles.note_known(connection, Attempt(fold(user.email), client_address()), user, now)
    audit.record(connection, Event.PASSWORD_RESET, subject=user.subject)
    enqueue(
        connection, EmailKind.PASSWORD_CHANGED, address=user.email, subject=user.subject, now=now
    )


def _forgot_page(problem: Problem | None = None) -> Response:
    return form_page("accounts/forgot_password.html", problem)


def _reset_page(link: Link, problem: Problem | None = None) -> Response:
    return form_page(
        "accounts/reset_password.html", problem, user=link.user, token=request.values["token"]
    )
