"""Recovery: a new password for the reader of mails to the account's address."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from flask_service.database import database
from server1 import audit, clock
from server1.accounts import links, passwords, revocation, throttles, users
from server1.accounts.credentials import locked
from server1.accounts.email_addresses import check_address
from server1.accounts.mail_links import Purpose
from server1.accounts.password_rules import check_new_password
from server1.audit import EndReason, Event
from server1.mail.queue import EmailKind, enqueue

from .forms import FormError, add_notice, attempt_here, form_page, form_view, known_about
from .link_pages import find_link, unverified_token
from .way_on import take_way_on, told_way_on

blueprint = Blueprint("recovery", __name__)
add_notice(blueprint, "/forgot-password/sent", "sent", "accounts/forgot_sent.html")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@form_view(partial(form_page, "accounts/forgot_password.html"))
def forgot_password() -> Response:
    """Send a link. The response does not tell whether there is such an account."""
    email = check_address(request.form.get("email", ""))
    with database().writing() as connection:
        kind = EmailKind.RESET_PASSWORD
        throttles.count_mail(connection, kind, attempt_here(email), clock.now())
        enqueue(connection, kind, address=email)
        audit.record(connection, Event.RESET_REQUESTED)
    return redirect(url_for(".sent"), 303)


def _reset_page(error: FormError | None) -> Response:
    link = find_link(Purpose.RESET_PASSWORD)
    return form_page(
        "accounts/reset_password.html", error, user=link.user, token=unverified_token()
    )


@blueprint.route("/reset-password", methods=["GET", "POST"], strict_slashes=False)
@form_view(_reset_page)
def reset_password() -> Response:
    """Give the account its new password, and end every session that the old one opened."""
    link = find_link(Purpose.RESET_PASSWORD)
    about = known_about(link.user.email, link.user.name)
    password = check_new_password(request.form.get("password", ""), about)
    password_hash = passwords.hasher().hash(password)
    with locked(link.user) as (connection, user):
        links.consume(connection, link)
        # Links of other purposes may have been requested by somebody else, who was signed in then.
        links.revoke(connection, user, Purpose)
        users.change(connection, user, password_hash=password_hash, email_verified=True)
        revocation.revoke_all_sessions(connection, user, EndReason.PASSWORD_CHANGED)
        throttles.forget_known(connection, user)
        throttles.note_known(connection, attempt_here(user.email), user, clock.now())
        way = take_way_on(connection, user.subject)  # this confirms the address as well
        audit.record(connection, Event.PASSWORD_RESET, subject=user.subject)
        enqueue(connection, EmailKind.PASSWORD_CHANGED, address=user.email, subject=user.subject)
    return redirect(url_for(".done", **way), 303)


@blueprint.get("/reset-password/done")
def done() -> str:
    """Say that it is set, and lead on to the service that waited for the address."""
    return render_template("accounts/reset_done.html", way_on=told_way_on())
