"""Farewell: which services sign a person out along with us, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_service.database import database
from server1.accounts.entered_clients import entered
from server1.accounts.sessions import Session
from server1.handoff import handoff


@dataclass(frozen=True, slots=True)
class Farewell:
    """The services that a session was handed on to, by what they do when it ends.

    Args:
        told: The names of those that end theirs as well.
        untold: The names of those that do not hear of it.
    """

    told: Sequence[str]
    untold: Sequence[str]


def farewell_of(session: Session) -> Farewell:
    """Return what becomes of a session's services.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    with database().reading() as connection:
        client_ids = {client.client_id for client in entered(connection, session.sid)}
    clients = [client for client in handoff.clients() if client.client_id in client_ids]
    return Farewell(
        told=[client.name for client in clients if client.backchannel_logout_uri],
        untold=[client.name for client in clients if not client.backchannel_logout_uri],
    )
