"""The page that asks a user whether somebody else's software may have what it asks for."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from flask_handoff import AccessDeniedError, AuthorizationRequest, is_loopback
from flask_service.database import database
from server1 import clock
from server1.accounts.consents import give_consent
from server1.accounts.sessions import Session
from server1.accounts.users import UserUnknownError
from server1.handoff import handoff
from server1.permissions import permitted_scope
from server1.signed_in import current_session

from .client_forms import lead_to
from .scope_words import in_words

blueprint = Blueprint("consent", __name__)


@blueprint.get("/consent")
def consent() -> Response:
    """Show who asks for what, to the account that is signed in."""
    pending, session = handoff.pending_request(), current_session()
    if pending is None or session is None:
        return _go_on()
    try:
        with database().reading() as connection:
            scope = permitted_scope(
                connection, session.user, pending.client, pending.scope, handoff.clients
            )
    except AccessDeniedError:
        return _go_on()
    page = render_template(
        "pages/consent.html",
        client=pending.client,
        user=session.user,
        permissions=in_words(scope),
        scope=" ".join(sorted(scope)),
        host=_host(pending),
        carried=request.values["continue"],
    )
    return lead_to(pending.client, make_response(page))


@blueprint.post("/consent")
def answer() -> Response:
    """Note that the user agrees, and go on; or tell the client that they do not."""
    pending, session = handoff.pending_request(), current_session()
    if pending is None or session is None:
        return _go_on()
    match request.form.get("answer"):
        case "agree":
            return _agree(pending, session)
        case "deny":
            return handoff.deny()
        case _:
            abort(400)


def _agree(pending: AuthorizationRequest, session: Session) -> Response:
    client, shown = pending.client, frozenset(request.form.get("scope", "").split())
    try:
        with database().writing() as connection:
            scope = permitted_scope(
                connection, session.user, client, pending.scope, handoff.clients
            )
            # What became permitted while the page was open was not on it.
            agreed = scope & shown
            give_consent(connection, session.user.subject, client.client_id, agreed, clock.now())
    except (AccessDeniedError, UserUnknownError):
        pass  # the client is told so, or the browser is signed out
    return _go_on()


def _go_on() -> Response:
    return redirect(handoff.after_sign_in(default=url_for("pages.home")), 303)


def _host(pending: AuthorizationRequest) -> str | None:
    """Return where the user is sent; None for an application on their own machine."""
    url = urlsplit(pending.redirect_uri)
    is_native = pending.client.native
    is_here = url.scheme not in ("http", "https") or is_loopback(url.hostname or "")
    return None if is_native and is_here else url.netloc
