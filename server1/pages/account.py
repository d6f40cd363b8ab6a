"""The account page: what is on file, and the browsers that are signed in."""

from __future__ import annotations

from collections import defaultdict

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from flask_service.database import database
from server1 import clock
from server1.accounts import (
    app_access,
    client_revocation,
    client_sessions,
    consents,
    ended,
    revocation,
    sessions,
)
from server1.accounts.devices import device
from server1.audit import EndReason
from server1.handoff import handoff
from server1.mail.undelivered import undelivered_to
from server1.signed_in import session_here

from .ended_words import in_words as ended_in_words
from .scope_words import in_words

blueprint = Blueprint("account", __name__)

_DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. You are signed out in all other browsers and services.",
    "session": "That session has ended.",
    "service": "That session at the service has ended. You stay signed in here.",
    "sessions": "All other sessions have ended, and the access of all apps.",
    "app": "Ended. It can no longer see or do anything in your name.",
    "consent": "Withdrawn. It can no longer see anything of your account.",
}


@blueprint.get("/account")
def account() -> str:
    """Show the account."""
    here, now = session_here(), clock.now()
    subject, names = here.user.subject, {one.client_id: one.name for one in handoff.clients()}
    with database().reading() as connection:
        found = sessions.sessions_of(connection, here.user, now)
        of_user = sessions.sessions.c.subject == subject
        entered = client_sessions.client_sessions_of(connection, of_user)
        agreed = consents.consents_of(connection, subject)
        apps = app_access.access_of(subject, now)
        lately = ended.ended_lately(connection, subject, now)
        alarms = ended.alarms(connection, subject, now)
        undelivered = undelivered_to(connection, here.user, now)
    services = defaultdict(list)
    for one in entered:
        services[one.sid].append(one.client_id)
    return render_template(
        "accounts/account.html",
        here=here,
        sessions=sorted(found, key=lambda session: session.sid != here.sid),
        services=services,
        agreed=agreed,
        apps=apps,
        ended=[ended_in_words(one, names) for one in lately],
        undelivered=undelivered,
        alarms=[ended_in_words(one, names) for one in alarms],
        name_of=lambda client_id: names.get(client_id, client_id),
        in_words=in_words,
        device=device,
        done=_DONE.get(request.args.get("done", "")),
    )


def say_done(what: str) -> Response:
    """Return to the account page, which says that something is done: a key of its texts."""
    return redirect(url_for("account.account", done=what), 303)


@blueprint.post("/account/sessions/end")
def end_session() -> Response:
    """End one session of the account; to end this very one is to sign out."""
    here = session_here()
    unverified_sid = request.form.get("sid", "")
    with database().writing() as connection:
        revocation.revoke_session_of(connection, here.user, unverified_sid, EndReason.ENDED_BY_USER)
    return say_done("session")


@blueprint.post("/account/services/end")
def end_service() -> Response:
    """End one session of the account at one service; it goes on here."""
    here = session_here()
    unverified = (request.form.get("sid", ""), request.form.get("client_id", ""))
    with database().writing() as connection:
        client_revocation.end_service(connection, here.user, *unverified)
    return say_done("service")


@blueprint.post("/account/sessions/end-others")
def end_other_sessions() -> Response:
    """End every session of the account but this one, and the access of its apps."""
    here = session_here()
    with database().writing() as connection:
        revocation.revoke_other_sessions(connection, here.user, EndReason.ENDED_BY_USER, kept=here)
    return say_done("sessions")


@blueprint.post("/account/apps/end")
def end_app() -> Response:
    """End the access of one app or device to the account."""
    here = session_here()
    with database().writing() as connection:
        unverified_family_id = request.form.get("app", "")
        app_access.end_access_of(
            connection, here.user, unverified_family_id, EndReason.ENDED_BY_USER
        )
    return say_done("app")


@blueprint.post("/account/consents/withdraw")
def withdraw_consent() -> Response:
    """Withdraw what the user agreed to for one client, and end their sessions there."""
    here = session_here()
    unverified_client_id = request.form.get("client_id", "")
    with database().writing() as connection:
        client_revocation.withdraw_consent(connection, here.user, unverified_client_id)
    return say_done("consent")
