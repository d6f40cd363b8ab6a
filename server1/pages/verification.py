"""Verification: whether an account's address is its owner's, shown by a link in a mail.

Somebody may have signed up with an address that is not theirs, and wait for its owner to confirm
it. So the link alone confirms nothing: what counts is that the mail was read by whoever chose the
password. That is so in the browser that signed up, and in one that is signed in; elsewhere the
password is asked for.
"""

from __future__ import annotations

import hmac

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from flask_service.database import database
from server1 import audit, clock
from server1.accounts import credentials, links, revocation, throttles, users
from server1.accounts.email_addresses import check_address, fold
from server1.accounts.mail_links import Link, LinkUnknownError, Purpose
from server1.accounts.throttles import Attempt
from server1.accounts.users import User
from server1.audit import Event
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import browser_fingerprint, current_session, sign_in

from .forms import REFUSALS, Problem, form_page, problem_of
from .link_pages import add_link_errors, find_link

blueprint = Blueprint("verification", __name__)
add_link_errors(blueprint)


@blueprint.get("/verify-email")
def verify_email() -> Response:
    """Ask to confirm. A link that is only looked at, by a mail scanner perhaps, does nothing."""
    return _verify_page(_find_link())


@blueprint.post("/verify-email")
def confirm_email() -> Response:
    """Take the address for the account's owner's."""
    link = _find_link()
    if _is_proven(link):
        with database().writing() as connection:
            users.lock(connection, link.user)
            _confirm(connection, link)
        return redirect(url_for(".done"), 303)

    def confirm_and_sign_in(connection: Connection, user: User) -> None:
        _confirm(connection, link)
        sign_in(connection, user)

    try:
        password = request.form.get("password", "")
        credentials.authenticate(
            link.user.email, password, address=client_address(), on_success=confirm_and_sign_in
        )
    except REFUSALS as error:
        return _verify_page(link, problem_of(error))
    return redirect(url_for("pages.home"), 303)


@blueprint.post("/verify-email/not-mine")
def disown() -> Response:
    """Delete the account that a stranger made with the address of whoever reads its mail."""
    link = _find_link()
    with database().writing() as connection:
        users.lock(connection, link.user)
        links.consume(connection, link)
        revocation.delete_account(
            connection,
            link.user,
            detail="by the owner of the address, which was not confirmed",
        )
    return redirect(url_for(".disowned"), 303)


@blueprint.get("/verify-email/done")
def done() -> Response:
    """Say that the address is confirmed."""
    return make_response(render_template("accounts/verify_done.html"))


@blueprint.get("/verify-email/not-mine/done")
def disowned() -> Response:
    """Say that the account is gone."""
    return make_response(render_template("accounts/verify_disowned.html"))


@blueprint.get("/verify-email/again")
def again() -> Response:
    """Ask for the address that waits for its mail."""
    return _again_page()


@blueprint.post("/verify-email/again")
def send_again() -> Response:
    """Have one more mail sent. The answer does not tell whether there is such an account."""
    session = current_session()
    user = None if session is None else session.user
    try:
        email = user.email if user else check_address(request.form.get("email", ""))
        with database().writing() as connection:
            _send_again(connection, email, user)
    except REFUSALS as error:
        return _again_page(problem_of(error))
    return redirect(url_for(".sent_again"), 303)


@blueprint.get("/verify-email/sent")
def sent_again() -> Response:
    """Say that a mail is on its way, if it is one that is waited for."""
    return make_response(render_template("accounts/verify_sent.html"))


def _find_link() -> Link:
    link = find_link(Purpose.VERIFY_EMAIL)
    if link.user.email_verified:
        # It was mailed while the address was being confirmed: nobody is to delete the account now.
        raise LinkUnknownError
    return link


def _send_again(connection: Connection, email: str, user: User | None) -> None:
    now = clock.now()
    subject = None if user is None else user.subject
    attempt = Attempt(fold(email), client_address())
    throttles.count_mail(connection, EmailKind.VERIFY_EMAIL, attempt, now)
    enqueue(
        connection,
        EmailKind.VERIFY_EMAIL,
        address=email,
        subject=subject,
        browser_sha256=browser_fingerprint(),
        now=now,
    )
    audit.record(connection, Event.VERIFICATION_REQUESTED, subject=subject)


def _confirm(connection: Connection, link: Link) -> None:
    links.consume(connection, link)
    users.set_email_verified(connection, link.user)
    # Whoever else is signed in may be a stranger who signed up with this address.
    revocation.revoke_other_sessions(connection, link.user, kept=current_session())
    audit.record(connection, Event.EMAIL_VERIFIED, subject=link.user.subject)


def _is_proven(link: Link) -> bool:
    session = current_session()
    if session is not None and session.user.subject == link.user.subject:
        return True
    return link.browser_sha256 is not None and hmac.compare_digest(
        link.browser_sha256, browser_fingerprint()
    )


def _verify_page(link: Link, problem: Problem | None = None) -> Response:
    return form_page(
        "accounts/verify_email.html",
        problem,
        user=link.user,
        token=request.values["token"],
        proven=_is_proven(link),
    )


def _again_page(problem: Problem | None = None) -> Response:
    session = current_session()
    return form_page("accounts/verify_again.html", problem, user=session and session.user)
