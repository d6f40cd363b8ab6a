"""The home page: who is signed in, and which services they can enter."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Blueprint, render_template

from flask_handoff import Client
from flask_handoff.profiles import OPENID_SCOPES
from flask_service.database import database
from server1 import clock
from server1.accounts.client_sessions import client_sessions_of
from server1.accounts.grants import scope_of
from server1.accounts.sessions import Session, sessions
from server1.accounts.users import User
from server1.config import config
from server1.handoff import handoff
from server1.mail.undelivered import Undelivered, undelivered_to
from server1.permissions import must_confirm
from server1.signed_in import current_session

from .scope_words import in_words

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> str:
    """Show the home page."""
    session = current_session()
    if session is None:
        return render_template("pages/welcome.html", clients=_services(), signup=config().signup)
    undelivered: Sequence[Undelivered] = ()
    if not session.user.email_verified:
        with database().reading() as connection:
            undelivered = undelivered_to(connection, session.user, clock.now())
    return render_template(
        "pages/home.html",
        here=session,
        undelivered=undelivered,
        must_verify=must_confirm(session.user),
        cards=_cards(session.user),
        continue_url=handoff.continue_url,
        entered=entered_clients(session),
        contact=config().contact,
    )


def entered_clients(session: Session) -> Sequence[Client]:
    """Return the clients that a session entered, for the notice on pages that sign out.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    with database().reading() as connection:
        entered = client_sessions_of(connection, sessions.c.sid == session.sid)
    client_ids = {one.client_id for one in entered}
    return [client for client in handoff.clients() if client.client_id in client_ids]


def _cards(user: User) -> Sequence[tuple[Client, str, Sequence[str] | None]]:
    """Return each service with its host and, where this user has access, what it gets in words."""
    cards = []
    with database().reading() as connection:
        for client in _services():
            scope = scope_of(connection, user.subject, client)
            # What it may ask for of another service's, it asks for by itself.
            may = scope & (OPENID_SCOPES | client.scopes) if _gets_codes(client) else scope
            host = urlsplit(client.initiate_login_uri or "").netloc
            cards.append((client, host, in_words(may) if scope else None))
    return cards


def _services() -> Sequence[Client]:
    """Return the clients that a user can continue to from here."""
    return [client for client in handoff.clients() if client.initiate_login_uri is not None]


def _gets_codes(client: Client) -> bool:
    return "code" in client.response_types
