"""Signing up: an account for whoever asks, whose address is not known to be theirs yet.

The answer is the same whether or not there is an account for the address; its owner gets a mail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from flask_service.database import database
from server1 import audit, clock
from server1.accounts import passwords, throttles, users
from server1.accounts.email_addresses import check_address, fold
from server1.accounts.password_rules import Strength, check_new_password, strength
from server1.accounts.throttles import (
    MAILS_FROM_ADDRESS,
    MAILS_TO_ACCOUNT,
    Attempt,
    TooManyAttemptsError,
)
from server1.accounts.users import UserExistsError, check_name
from server1.audit import Event
from server1.config import config
from server1.handoff import handoff
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import browser_fingerprint, current_session

from .forms import REFUSALS, Problem, form_page, problem_of

blueprint = Blueprint("signup", __name__)

_WORTH_A_HINT = frozenset({Strength.WEAK, Strength.FAIR})


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who wants an account, as far as it can be checked without looking for one."""

    email: str
    name: str
    password: str = field(repr=False)

    @classmethod
    def read(cls) -> Applicant:
        """Read the form of this request.

        Raises:
            EmailAddressError, UserNameError, PasswordUnusableError: A field cannot be used.
        """
        email = check_address(request.form.get("email", ""))
        name = check_name(request.form.get("name", ""))
        about = (email, name, "SERVER1")
        return cls(email, name, check_new_password(request.form.get("password", ""), about))

    @property
    def strength(self) -> Strength:
        """How hard the password is to guess."""
        return strength(self.password, (self.email, self.name))


@blueprint.before_request
def check_open() -> None:
    """Answer as if the page did not exist where an operator makes the accounts."""
    if not config().signup:
        abort(404)


@blueprint.get("/signup")
def signup() -> Response:
    """Show the form; to someone who is signed in, the home page."""
    if current_session() is not None:
        return redirect(url_for("pages.home"), 303)
    return _signup_page()


@blueprint.post("/signup")
def submit_signup() -> Response:
    """Create the account, or write to the owner of the one that there is already."""
    try:
        applicant = Applicant.read()
        attempt = Attempt(fold(applicant.email), client_address())
        with database().writing() as connection:
            throttles.count_request(
                connection, MAILS_FROM_ADDRESS, "sign-up", attempt.network, now=clock.now()
            )
        password_hash = passwords.hasher().hash(applicant.password)
        with database().writing() as connection:
            _take_in(connection, applicant, password_hash)
    except REFUSALS as error:
        return _signup_page(problem_of(error))
    hint = applicant.strength if applicant.strength in _WORTH_A_HINT else None
    return redirect(url_for(".sent", strength=hint, **_continue()), 303)


@blueprint.get("/signup/sent")
def sent() -> Response:
    """Say that a mail is on its way."""
    told = request.args.get("strength")
    page = render_template(
        "accounts/signup_sent.html",
        strength=told if told in _WORTH_A_HINT else None,
        login=_continue(),
    )
    return make_response(page)


def _take_in(connection: Connection, applicant: Applicant, password_hash: str) -> None:
    now = clock.now()
    try:
        user = users.create(
            connection,
            email=applicant.email,
            name=applicant.name,
            password_hash=password_hash,
            email_verified=False,
            now=now,
        )
    except UserExistsError:
        kind, subject = EmailKind.ACCOUNT_EXISTS, None
    else:
        kind, subject = EmailKind.VERIFY_EMAIL, user.subject
        audit.record(connection, Event.SIGNED_UP, subject=subject)
    try:
        throttles.count_request(
            connection, MAILS_TO_ACCOUNT, "sign-up", fold(applicant.email), now=now
        )
    except TooManyAttemptsError:
        return  # said aloud, this would tell that there is an account
    enqueue(
        connection,
        kind,
        address=applicant.email,
        subject=subject,
        browser_sha256=browser_fingerprint(),
        now=now,
    )


def _signup_page(problem: Problem | None = None) -> Response:
    client = handoff.pending_client()
    return form_page(
        "accounts/signup.html", problem, client=client, carried=_continue().get("continue")
    )


def _continue() -> dict[str, Any]:
    """Return what takes the user on to the service that they came from, if there is one."""
    carried = request.values.getlist("continue")
    return {} if handoff.pending_client() is None else {"continue": carried[0]}
