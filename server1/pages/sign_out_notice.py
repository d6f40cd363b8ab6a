"""The sign-out notice: which services sign a person out along with us, and which do not."""

from __future__ import annotations

from collections.abc import Sequence

from flask_handoff import Client
from flask_service.database import database
from server1.accounts.client_sessions import client_sessions_of
from server1.accounts.sessions import Session, sessions
from server1.handoff import handoff


def entered_clients(session: Session) -> Sequence[Client]:
    """Return the clients that a session entered, for the template of the notice.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    with database().reading() as connection:
        entered = client_sessions_of(connection, sessions.c.sid == session.sid)
    client_ids = {one.client_id for one in entered}
    return [client for client in handoff.clients() if client.client_id in client_ids]
