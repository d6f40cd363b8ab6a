"""The profile: a person's name, e-mail address and password, and how they change them."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.client_address import client_address
from flask_service.database import database
from server1 import audit, clock
from server1.accounts import credentials, links, passwords, revocation, throttles, users
from server1.accounts.email_addresses import check_address, fold
from server1.accounts.mail_links import Link, Purpose
from server1.accounts.password_rules import check_new_password
from server1.accounts.throttles import Attempt
from server1.accounts.users import User, UserExistsError, UserUnknownError
from server1.audit import Event
from server1.mail.queue import EmailKind, enqueue
from server1.signed_in import add_sign_in_redirect, current_session, renew_session, session_here

from .account import say_done
from .forms import REFUSALS, Problem, form_page, problem_of
from .link_pages import add_link_errors, find_link

blueprint = Blueprint("profile", __name__)
add_link_errors(blueprint)
add_sign_in_redirect(blueprint)


@blueprint.get("/account/name")
def name() -> Response:
    """Ask for another name."""
    return _name_page()


@blueprint.post("/account/name")
def change_name() -> Response:
    """Change the name. Services learn of it at the next handoff."""
    here = session_here()
    try:
        with database().writing() as connection:
            users.set_name(connection, here.user, request.form.get("name", ""))
            audit.record(connection, Event.NAME_CHANGED, subject=here.user.subject)
    except REFUSALS as error:
        return _name_page(problem_of(error))
    return say_done("name")


@blueprint.get("/account/password")
def password() -> Response:
    """Ask for the current password and the new one."""
    return _password_page()


@blueprint.post("/account/password")
def change_password() -> Response:
    """Change the password, and end every other session that the old one opened."""
    here = session_here()
    try:
        about = (here.user.email, here.user.name, "SERVER1")
        new_password = check_new_password(request.form.get("new_password", ""), about)
        password_hash = passwords.hasher().hash(new_password)

        def change(connection: Connection, user: User) -> None:
            _set_password(connection, user, password_hash)

        credentials.authenticate(
            here.user.email,
            request.form.get("password", ""),
            address=client_address(),
            on_success=change,
        )
    except REFUSALS as error:
        return _password_page(problem_of(error, wrong="The current password is not right."))
    return say_done("password")


@blueprint.get("/account/email")
def email() -> Response:
    """Ask for another address."""
    return _email_page()


@blueprint.post("/account/email")
def request_email_change() -> Response:
    """Have a link sent to the new address. Until it is opened, the old one stays."""
    here = session_here()
    try:
        address = check_address(request.form.get("email", ""))
        if address == here.user.email:
            return _email_page(Problem(400, "That is the address of this account already."))
        attempt = Attempt(fold(address), client_address())
        with database().writing() as connection:
            now = clock.now()
            throttles.count_mail(connection, EmailKind.CHANGE_EMAIL, attempt, now)

        def send_link(connection: Connection, user: User) -> None:
            _send_link(connection, user, address)

        credentials.authenticate(
            here.user.email,
            request.form.get("password", ""),
            address=client_address(),
            on_success=send_link,
        )
    except REFUSALS as error:
        return _email_page(problem_of(error))
    return redirect(url_for(".email_change_sent"), 303)


@blueprint.get("/account/email/sent")
def email_change_sent() -> Response:
    """Say that a mail is on its way to the new address."""
    return form_page("accounts/email_sent.html", user=session_here().user)


@blueprint.get("/change-email")
def new_email() -> Response:
    """Ask to confirm the new address. A link that is only looked at does nothing."""
    return _new_email_page(find_link(Purpose.CHANGE_EMAIL))


@blueprint.post("/change-email")
def change_email() -> Response:
    """Give the account its new address."""
    link = find_link(Purpose.CHANGE_EMAIL)

    def change(connection: Connection, user: User) -> None:
        _set_email(connection, user, link)

    try:
        if _is_signed_in(link.user):
            with database().writing() as connection:
                users.lock(connection, link.user)
                change(connection, link.user)
        else:
            credentials.authenticate(
                link.user.email,
                request.form.get("password", ""),
                address=client_address(),
                on_success=change,
            )
    except UserExistsError:
        problem = Problem(409, "Another account has this address by now.")
        return _new_email_page(link, problem)
    except REFUSALS as error:
        return _new_email_page(link, problem_of(error))
    return redirect(url_for(".email_changed"), 303)


@blueprint.get("/change-email/done")
def email_changed() -> Response:
    """Say that the address is changed."""
    return form_page("accounts/email_changed.html")


def _set_password(connection: Connection, user: User, password_hash: str) -> None:
    users.set_password_hash(connection, user, password_hash)
    # A link that somebody asked for before would undo what the owner does here.
    links.revoke(connection, user, [Purpose.RESET_PASSWORD])
    revocation.revoke_after_password_change(connection, user, kept=current_session())
    renew_session(connection)
    throttles.forget_known(connection, user)
    here = Attempt(fold(user.email), client_address())
    throttles.note_known(connection, here, user, clock.now())
    audit.record(connection, Event.PASSWORD_CHANGED, subject=user.subject)
    enqueue(
        connection,
        EmailKind.PASSWORD_CHANGED,
        address=user.email,
        subject=user.subject,
        now=clock.now(),
    )


def _send_link(connection: Connection, user: User, address: str) -> None:
    now = clock.now()
    audit.record(connection, Event.EMAIL_CHANGE_REQUESTED, subject=user.subject)
    try:
        taken = users.by_email(connection, address).subject != user.subject
    except UserUnknownError:
        taken = False
    if taken:
        # Its owner is told; whoever asks here learns nothing.
        enqueue(connection, EmailKind.ACCOUNT_EXISTS, address=address, now=now)
        return
    enqueue(connection, EmailKind.CHANGE_EMAIL, address=address, subject=user.subject, now=now)


def _set_email(connection: Connection, user: User, link: Link) -> None:
    links.consume(connection, link)
    users.set_email(connection, user, link.address)
    # What went to the old address is no longer the owner's alone to open.
    links.revoke(connection, user, Purpose)
    audit.record(connection, Event.EMAIL_CHANGED, subject=user.subject)
    enqueue(
        connection,
        EmailKind.EMAIL_CHANGED,
        address=user.email,
        subject=user.subject,
        now=clock.now(),
    )


def _is_signed_in(user: User) -> bool:
    session = current_session()
    return session is not None and session.user.subject == user.subject


def _name_page(problem: Problem | None = None) -> Response:
    return form_page("accounts/name.html", problem, user=session_here().user)


def _password_page(problem: Problem | None = None) -> Response:
    return form_page("accounts/password.html", problem, user=session_here().user)


def _email_page(problem: Problem | None = None) -> Response:
    return form_page("accounts/email.html", problem, user=session_here().user)


def _new_email_page(link: Link, problem: Problem | None = None) -> Response:
    return form_page(
        "accounts/change_email.html",
        problem,
        user=link.user,
        address=link.address,
        token=request.values["token"],
        proven=_is_signed_in(link.user),
    )
