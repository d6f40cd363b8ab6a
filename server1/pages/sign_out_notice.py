"""The sign-out notice: which services sign a person out along with us, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_service.database import database
from server1.accounts.client_sessions import client_sessions_of
from server1.accounts.sessions import Session
from server1.handoff import handoff


@dataclass(frozen=True, slots=True)
class SignOutNotice:
    """The services that a session was handed on to, by what they do when it ends.

    Args:
        notified: The names of those that end theirs as well.
        not_notified: The names of those that do not hear of it.
    """

    notified: Sequence[str]
    not_notified: Sequence[str]


def sign_out_notice(session: Session) -> SignOutNotice:
    """Return what becomes of a session's services.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    with database().reading() as connection:
        client_ids = {client.client_id for client in client_sessions_of(connection, session.sid)}
    clients = [client for client in handoff.clients() if client.client_id in client_ids]
    return SignOutNotice(
        notified=[client.name for client in clients if client.backchannel_logout_uri],
        not_notified=[client.name for client in clients if not client.backchannel_logout_uri],
    )
