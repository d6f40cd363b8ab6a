"""Signing up: an account whose address is not verified yet.

The response is the same whether or not there is an account for the address; its owner gets a mail.
"""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.database import database
from server1 import audit, clock
from server1.accounts import passwords, throttles, users
from server1.accounts.email_addresses import check_address, fold
from server1.accounts.password_rules import check_new_password, strength
from server1.accounts.throttles import MAILS_FROM_ADDRESS, MAILS_TO_ACCOUNT, TooManyAttemptsError
from server1.accounts.users import UserExistsError, check_name
from server1.audit import Event
from server1.config import config
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import browser_fingerprint, current_session

from .forms import FormError, attempt_here, form_page, form_view, known_about
from .way_on import carried, note_way_on, way_on

blueprint = Blueprint("signup", __name__)

_HINTED_AT = ("fair",)  # strengths of a password; a weak one is refused


@blueprint.before_request
def check_open() -> None:
    """Answer as if the page did not exist where an operator makes the accounts."""
    if not config().signup:
        abort(404)


def _signup_page(error: FormError | None) -> Response:
    if request.method != "POST" and current_session() is not None:
        return redirect(url_for("pages.home"), 303)
    way = way_on()
    client = None if way is None else way.client
    return form_page(
        "accounts/signup.html", error, client=client, carried=carried().get("continue")
    )


@blueprint.route("/signup", methods=["GET", "POST"])
@form_view(_signup_page)
def signup() -> Response:
    """Create the account, or write to the owner of the one that there is already."""
    email = check_address(request.form.get("email", ""))
    name = check_name(request.form.get("name", ""))
    about = known_about(email, name)
    password = check_new_password(request.form.get("password", ""), about)
    network = attempt_here(email).network
    with database().writing() as connection:
        throttles.count_request(connection, MAILS_FROM_ADDRESS, "sign-up", network, now=clock.now())
    password_hash = passwords.hasher().hash(password)
    with database().writing() as connection:
        _create(connection, email, name, password_hash)
    found = strength(password, about)
    hint = found if found in _HINTED_AT else None
    return redirect(url_for(".sent", strength=hint, **carried()), 303)


@blueprint.get("/signup/sent")
def sent() -> str:
    """Say that a mail is on its way."""
    unverified_strength = request.args.get("strength")
    return render_template(
        "accounts/signup_sent.html",
        strength=unverified_strength if unverified_strength in _HINTED_AT else None,
        carried=carried(),
    )


def _create(connection: Connection, email: str, name: str, password_hash: str) -> None:
    subject = None
    try:
        user = users.create(connection, email=email, name=name, password_hash=password_hash)
        subject = user.subject
        audit.record(connection, Event.SIGNED_UP, subject=subject)
        note_way_on(connection, subject)
    except UserExistsError:
        pass  # its owner gets a mail
    try:
        account = fold(email)
        throttles.count_request(connection, MAILS_TO_ACCOUNT, "sign-up", account, now=clock.now())
    except TooManyAttemptsError:
        return  # said aloud, this would tell that there is an account
    kind = EmailKind.VERIFY_EMAIL if subject else EmailKind.ACCOUNT_EXISTS
    browser = browser_fingerprint()
    enqueue(connection, kind, address=email, subject=subject, browser_sha256=browser)
