"""The profile: a person's name, e-mail address and password, and how they change them."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.database import database
from server1 import audit, clock
from server1.account_changes import set_email
from server1.accounts import links, passwords, revocation, throttles, users
from server1.accounts.credentials import locked
from server1.accounts.email_addresses import check_address
from server1.accounts.mail_links import Purpose
from server1.accounts.password_rules import check_new_password
from server1.accounts.users import User, UserExistsError, UserUnknownError
from server1.audit import Event
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import is_signed_in, renew_session, session_here

from .account import say_done
from .forms import (
    FormError,
    account_page,
    add_notice,
    attempt_here,
    authenticated,
    form_page,
    form_view,
    known_about,
)
from .link_pages import find_link, unverified_token

blueprint = Blueprint("profile", __name__)
add_notice(blueprint, "/change-email/done", "email_changed", "accounts/email_changed.html")


@blueprint.route("/account/name", methods=["GET", "POST"])
@form_view(account_page("accounts/name.html"))
def name() -> Response:
    """Change the name. Services learn of it at the next handoff."""
    here = session_here()
    with database().writing() as connection:
        new_name = users.check_name(request.form.get("name", ""))
        users.change(connection, here.user, name=new_name)
        audit.record(connection, Event.NAME_CHANGED, subject=here.user.subject)
    return say_done("name")


@blueprint.route("/account/password", methods=["GET", "POST"])
@form_view(account_page("accounts/password.html"), wrong="The current password is not right.")
def password() -> Response:
    """Change the password, and end every other session that the old one opened."""
    here = session_here()
    about = known_about(here.user.email, here.user.name)
    new_password = check_new_password(request.form.get("new_password", ""), about)
    password_hash = passwords.hasher().hash(new_password, known=True)
    with authenticated(here.user.email) as (connection, user):
        users.change(connection, user, password_hash=password_hash)
        # A link that somebody requested before would undo what the owner does here.
        links.revoke(connection, user, [Purpose.RESET_PASSWORD])
        revocation.revoke_after_password_change(connection, user, kept=here)
        renew_session(connection)
        throttles.forget_known(connection, user)
        throttles.note_known(connection, attempt_here(user.email), user, clock.now())
        audit.record(connection, Event.PASSWORD_CHANGED, subject=user.subject)
        enqueue(connection, EmailKind.PASSWORD_CHANGED, address=user.email, subject=user.subject)
    return say_done("password")


# A Well-Known URL for Changing Passwords (W3C): password managers lead there.
@blueprint.get("/.well-known/change-password")
def change_password() -> Response:
    """Lead to the form for a new password."""
    return redirect(url_for(".password"), 303)


@blueprint.route("/account/email", methods=["GET", "POST"])
@form_view(account_page("accounts/email.html"))
def email() -> Response:
    """Send a link to the new address. Until it is opened, the old one stays."""
    here = session_here()
    address = check_address(request.form.get("email", ""))
    if address == here.user.email:
        raise FormError(400, "That is the address of this account already.")
    with database().writing() as connection:
        kind = EmailKind.CHANGE_EMAIL
        throttles.count_mail(connection, kind, attempt_here(address), clock.now())
    with authenticated(here.user.email) as (connection, user):
        audit.record(connection, Event.EMAIL_CHANGE_REQUESTED, subject=user.subject)
        if _is_taken(connection, address, user):
            # Its owner gets a mail; the page does not show it.
            enqueue(connection, EmailKind.ACCOUNT_EXISTS, address=address)
        else:
            enqueue(connection, kind, address=address, subject=user.subject)
    return redirect(url_for(".email_change_sent"), 303)


@blueprint.get("/account/email/sent")
def email_change_sent() -> str:
    """Say that a mail is on its way to the new address."""
    return render_template("accounts/email_sent.html", user=session_here().user)


def _new_email_page(error: FormError | None) -> Response:
    link = find_link(Purpose.CHANGE_EMAIL)
    return form_page(
        "accounts/change_email.html",
        error,
        user=link.user,
        address=link.address,
        token=unverified_token(),
        proven=is_signed_in(link.user),
    )


@blueprint.route("/change-email", methods=["GET", "POST"], strict_slashes=False)
@form_view(_new_email_page)
def change_email() -> Response:
    """Give the account its new address. A GET, by a mail scanner perhaps, does nothing."""
    link = find_link(Purpose.CHANGE_EMAIL)
    proof = locked(link.user) if is_signed_in(link.user) else authenticated(link.user.email)
    try:
        with proof as (connection, user):
            links.consume(connection, link)
            set_email(connection, user, link.address)
    except UserExistsError:
        raise FormError(409, "Another account has this address by now.") from None
    return redirect(url_for(".email_changed"), 303)


def _is_taken(connection: Connection, address: str, user: User) -> bool:
    try:
        return users.by_email(connection, address).subject != user.subject
    except UserUnknownError:
        return False
