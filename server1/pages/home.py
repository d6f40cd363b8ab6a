"""The home page: who is signed in, and which services they can enter."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Blueprint, render_template

from flask_handoff import Client
from flask_service.database import database
from server1.accounts.client_sessions import client_sessions_of
from server1.accounts.grants import scope_of
from server1.accounts.sessions import Session, sessions
from server1.accounts.users import User
from server1.config import config
from server1.handoff import handoff
from server1.signed_in import current_session

blueprint = Blueprint("pages", __name__)

_SCOPE_IN_WORDS = {
    "profile": "see your name",
    "email": "see your e-mail address",
    "notes:read": "read your notes there",
    "notes:write": "write notes there",
}


@blueprint.get("/")
def home() -> str:
    """Show the home page."""
    session = current_session()
    if session is None:
        return render_template(
            "pages/welcome.html", clients=handoff.clients(), signup=config().signup
        )
    return render_template(
        "pages/home.html",
        session=session,
        must_verify=config().requires_verified_email and not session.user.email_verified,
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
    """Return each client with its host and, where this user has access, what it may do in words."""
    cards = []
    with database().reading() as connection:
        for client in handoff.clients():
            scope = scope_of(connection, user.subject, client.client_id)
            words = [
                _SCOPE_IN_WORDS.get(one, one) for one in sorted(scope - {"openid"}, key=_order)
            ]
            host = urlsplit(client.initiate_login_uri).netloc
            cards.append((client, host, words if scope else None))
    return cards


def _order(scope_value: str) -> tuple[int, str]:
    known = list(_SCOPE_IN_WORDS)
    return (known.index(scope_value) if scope_value in known else len(known), scope_value)
