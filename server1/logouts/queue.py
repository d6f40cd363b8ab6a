"""What is kept of a logout until a client has been notified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from flask_service.outbox import outbox

JOB_KIND = "logout"


@dataclass(frozen=True, slots=True)
class Logout:
    """The payload of a job, whose topic is the client."""

    subject: str  # whose sessions ended
    sid: str | None  # the session that ended; None: all of the account's that began until then


def enqueue(
    connection: Connection, client_id: str, *, subject: str, sid: str | None, now: datetime
) -> None:
    """Enqueue the notification of a client, in the writing transaction that ends the sessions."""
    outbox().enqueue(connection, JOB_KIND, client_id, Logout(subject, sid), now)
