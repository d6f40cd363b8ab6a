"""Signing in and out: the pages."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from flask_handoff import LogoutRequest
from flask_handoff.addresses import with_parameters
from flask_service.database import database
from flask_service.human_text import trimmed
from flask_service.session_cookie import forget_dead_session, held_session_id
from server1.config import config
from server1.demo import DEMO_EMAIL
from server1.handoff import handoff
from server1.sign_out import has_signed_out, last_sign_out, sign_out_here
from server1.signed_in import current_session, session_has_ended, sign_in

from .client_forms import lead_back_to, lead_to
from .forms import FormError, authenticated, form_page, form_view, old_form
from .home import entered_clients
from .next_page import next_page
from .way_on import way_on

blueprint = Blueprint("login", __name__)


def _home() -> str:
    return next_page() or url_for("pages.home")


def _login_page(error: FormError | None) -> Response:
    # Also of a request that is too old to be answered: the answer has the way on.
    way = way_on()
    client = None if way is None else way.client
    is_waiting = handoff.pending_client() is not None
    if request.method != "POST" and not is_waiting and current_session() is not None:
        return redirect(_home() if way is None else handoff.after_sign_in(default=_home()), 303)
    response = form_page(
        "accounts/login.html",
        error,
        client=client,
        carried=None if client is None else request.values.get("continue"),
        next_page=next_page(),
        email=handoff.login_hint() or "",
        signup=config().signup,
        session_ended=request.method != "POST" and session_has_ended(),
        demo_email=DEMO_EMAIL,
        demo_password=config().demo_password,
    )
    return lead_to(client, response)


# One text for a wrong password, an unknown account and a disabled one.
@blueprint.route("/login", methods=["GET", "POST"])
@form_view(_login_page, wrong="Wrong e-mail address or password.")
def login() -> Response:
    """Sign the user in and send them on; also someone signed in, when a client asks for it."""
    unverified_email = request.form.get("email", "")
    if not trimmed(unverified_email) or not request.form.get("password"):
        raise FormError(400, "Enter your e-mail address and your password.")
    with authenticated(unverified_email) as (connection, user):
        sign_in(connection, user)
    return redirect(handoff.after_sign_in(default=_home()), 303)


@blueprint.errorhandler(CSRFError)
def other_tab_was_first(error: CSRFError) -> Response:
    """Continue where this tab was going, when the user signed in or out in another one meanwhile.

    No password is checked: what follows is what a link to the same place would do.
    """
    if request.endpoint == "login.confirm_logout" and has_signed_out():
        carried = request.form.get("continue")  # its button was pressed twice, or in two tabs
        return redirect(with_parameters(url_for("login.logout"), {"continue": carried}), 303)
    leads_on = request.endpoint == "login.login" or handoff.pending_client() is not None
    if held_session_id() is not None and leads_on:
        return redirect(handoff.after_sign_in(default=_home()), 303)
    return old_form(error)


@blueprint.get("/logout")
def logout() -> Response:
    """Ask whether to sign out: a link alone, perhaps on a stranger's page, ends nothing.

    Who is signed out sees which services have confirmed it, or goes back to where they came from.
    """
    session, asked = current_session(), handoff.pending_logout()
    if session is None:
        if request.method == "GET":  # what only looks at a page, such as HEAD, changes nothing
            forget_dead_session()
        return _signed_out(asked)
    page = render_template(
        "accounts/logout.html",
        user=session.user,
        entered=entered_clients(session),
        client=None if asked is None else asked.client,
        carried=None if asked is None else request.values.get("continue"),
    )
    return lead_back_to(asked, make_response(page))


def _signed_out(asked: LogoutRequest | None) -> Response:
    if asked is not None and asked.return_url is not None:
        return redirect(asked.return_url, 303)
    last = last_sign_out()
    names = {} if last is None else {each.client_id: each for each in handoff.clients()}
    page = render_template(
        "accounts/signed_out.html",
        last=last,
        entered=[names[each] for each in (last.entered if last else ()) if each in names],
        cannot_return=asked is not None and asked.cannot_return,
    )
    return make_response(page)


@blueprint.post("/logout")
def confirm_logout() -> Response:
    """Sign out here, and at the services that this session entered."""
    with database().writing() as connection:
        sign_out_here(connection)
    return redirect(handoff.after_logout(default=url_for("login.logout")), 303)
