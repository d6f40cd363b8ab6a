"""Verification: whether an account's address is its owner's, shown by a link in a mail.

Somebody may have signed up with an address that is not theirs, and wait for its owner to confirm
it. So the link alone confirms nothing: what counts is that the mail was read by the person who
chose the password. That is so in the browser that signed up, and in one that is signed in;
elsewhere the password is asked for.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from flask_service.database import database
from flask_service.human_text import trimmed
from server1 import audit, clock
from server1.account_changes import delete_account
from server1.accounts import links, revocation, throttles, users
from server1.accounts.credentials import locked
from server1.accounts.email_addresses import check_address
from server1.accounts.mail_links import Link, LinkUnknownError, Purpose
from server1.audit import EndReason, Event
from server1.handoff import handoff
from server1.mail.queue import EmailKind, enqueue
from server1.mail.undelivered import undelivered_to
from server1.permissions import must_confirm
from server1.signed_in import browser_fingerprint, current_session, is_signed_in, sign_in

from .forms import (
    FormError,
    add_notice,
    attempt_here,
    authenticated,
    form_page,
    form_view,
    notice_page,
)
from .link_pages import find_link, unverified_token
from .way_on import carried, note_way_on, take_way_on, told_way_on, way_on

WORD_TO_DELETE = "delete"

blueprint = Blueprint("verification", __name__)
add_notice(blueprint, "/verify-email/not-mine/done", "disowned", "accounts/verify_disowned.html")


def _verify_page(error: FormError | None) -> Response:
    link = _find_link()
    return form_page(
        "accounts/verify_email.html",
        error,
        user=link.user,
        token=unverified_token(),
        proven=_is_proven(link),
    )


@blueprint.route("/verify-email", methods=["GET", "POST"], strict_slashes=False)
@form_view(_verify_page)
def verify_email() -> Response:
    """Verify the address. A GET, by a mail scanner perhaps, does nothing."""
    link = _find_link()
    if _is_proven(link):
        with locked(link.user) as (connection, _user):
            way = _confirm(connection, link)
        return redirect(url_for(".done", **way), 303)
    with authenticated(link.user.email) as (connection, user):
        way = _confirm(connection, link)
        sign_in(connection, user)
    return redirect(url_for(".done", **way) if way else url_for("pages.home"), 303)


@blueprint.get("/verify-email/done")
def done() -> str:
    """Say that it is confirmed, and lead on to the service that waited for it."""
    return notice_page("accounts/verify_done.html", way_on=told_way_on())


@blueprint.get("/verify-email/required")
def required() -> Response:
    """Stop who goes to a service with an address that is not confirmed, and say how to go on."""
    session, way = current_session(), way_on()
    if session is None or way is None or not must_confirm(session.user):
        return redirect(handoff.after_sign_in(default=url_for("pages.home")), 303)
    with database().writing() as connection:
        note_way_on(connection, session.user.subject)
        undelivered = undelivered_to(connection, session.user, clock.now())
    return form_page(
        "accounts/verify_required.html",
        here=session,
        user=session.user,
        way_on=way,
        carried=carried(),
        undelivered=undelivered,
    )


def _disown_page(error: FormError | None) -> Response:
    link = _find_link()
    token = unverified_token()
    return form_page("accounts/verify_not_mine.html", error, user=link.user, token=token)


# A mail scanner presses buttons: what cannot be undone asks for a word as well.
@blueprint.route("/verify-email/not-mine", methods=["GET", "POST"])
@form_view(_disown_page)
def disown() -> Response:
    """Delete the account that a stranger created with the address of this mail's reader."""
    link = _find_link()
    if trimmed(request.form.get("word", "")).casefold() != WORD_TO_DELETE:
        raise FormError(400, f"Nothing was deleted. Type the word {WORD_TO_DELETE} to go on.")
    with locked(link.user) as (connection, user):
        links.consume(connection, link)
        detail = "by the owner of the address, which was not confirmed"
        delete_account(connection, user, detail=detail)
    return redirect(url_for(".disowned"), 303)


def _again_page(error: FormError | None) -> Response:
    session = current_session()
    user = session and session.user
    return form_page("accounts/verify_again.html", error, user=user, carried=carried())


@blueprint.route("/verify-email/again", methods=["GET", "POST"])
@form_view(_again_page)
def again() -> Response:
    """Send one more mail. The response does not tell whether there is such an account."""
    session = current_session()
    email = session.user.email if session else check_address(request.form.get("email", ""))
    subject = session.user.subject if session else None
    kind, browser = EmailKind.VERIFY_EMAIL, browser_fingerprint()
    with database().writing() as connection:
        throttles.count_mail(connection, kind, attempt_here(email), clock.now())
        enqueue(connection, kind, address=email, subject=subject, browser_sha256=browser)
        audit.record(connection, Event.VERIFICATION_REQUESTED, subject=subject)
    return redirect(url_for(".sent_again", **carried()), 303)


@blueprint.get("/verify-email/sent")
def sent_again() -> str:
    """Say that a mail is on its way, if there is such an account."""
    return notice_page("accounts/verify_sent.html", way_on=way_on())


def _find_link() -> Link:
    link = find_link(Purpose.VERIFY_EMAIL)
    if link.user.email_verified:
        # It was mailed while the address was being confirmed: nobody is to delete the account now.
        raise LinkUnknownError
    return link


def _confirm(connection: Connection, link: Link) -> dict[str, Any]:
    links.consume(connection, link)
    users.change(connection, link.user, email_verified=True)
    # Another session may be a stranger's who signed up with this address.
    reason = EndReason.EMAIL_VERIFIED
    revocation.revoke_other_sessions(connection, link.user, reason, kept=current_session())
    audit.record(connection, Event.EMAIL_VERIFIED, subject=link.user.subject)
    return take_way_on(connection, link.user.subject)


def _is_proven(link: Link) -> bool:
    return is_signed_in(link.user) or (
        link.browser_sha256 is not None
        and hmac.compare_digest(link.browser_sha256, browser_fingerprint())
    )
