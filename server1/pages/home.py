"""The home page: who is signed in, and where they can go on to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, render_template

from flask_handoff import Client
from flask_service.database import database
from server1.accounts.grants import scope_of
from server1.accounts.users import User
from server1.config import config
from server1.handoff import handoff
from server1.signed_in import current_session

from .sign_out_notice import entered_clients

blueprint = Blueprint("pages", __name__)

_SCOPE_IN_WORDS = {
    "profile": "learn your name",
    "email": "learn your e-mail address",
    "notes:read": "read your notes there",
    "notes:write": "write notes there",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One client on the home page.

    Args:
        name: What people call it.
        host: Where it runs, as the address bar will say.
        permissions: What it may do, in words.
        continue_url: Where a handoff to it begins; None when this user may not enter it, now or
            at all.
        granted: Whether this user may enter it, once their address is confirmed.
    """

    name: str
    host: str
    permissions: Sequence[str]
    continue_url: str | None
    granted: bool


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
        must_verify=_must_verify(session.user),
        cards=_cards(session.user),
        entered=entered_clients(session),
        contact=config().contact,
    )


def _cards(user: User) -> Sequence[Card]:
    with database().reading() as connection:
        return [
            _card(client, scope_of(connection, user.subject, client.client_id), user)
            for client in handoff.clients()
        ]


def _card(client: Client, scope: frozenset[str], user: User) -> Card:
    may_enter = bool(scope) and not _must_verify(user)
    return Card(
        name=client.name,
        host=urlsplit(client.initiate_login_uri).netloc,
        permissions=[
            _SCOPE_IN_WORDS.get(value, value) for value in sorted(scope - {"openid"}, key=_order)
        ],
        continue_url=handoff.continue_url(client) if may_enter else None,
        granted=bool(scope),
    )


def _must_verify(user: User) -> bool:
    return config().requires_verified_email and not user.email_verified


def _order(scope_value: str) -> tuple[int, str]:
    known = list(_SCOPE_IN_WORDS)
    return (known.index(scope_value) if scope_value in known else len(known), scope_value)
