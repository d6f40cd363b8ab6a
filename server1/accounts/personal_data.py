"""Personal data: all that is kept here about the person behind an account, but no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from flask_service.outbox import outbox
from server1.db import metadata

from .client_sessions import client_sessions
from .sessions import sessions
from .users import User

_SECRET = ("_hash", "_sha256")  # what such columns are called: nobody may guess on with them


def personal_data(connection: sa.Connection, user: User) -> Mapping[str, Sequence[Any]]:
    """Return the rows about an account, by the name of their table, as texts and numbers.

    Each table with a column ``subject`` counts, so that one that is new is not left out; and the
    jobs that wait in the outbox.
    """
    found = {
        table.name: _rows(connection, table, table.c.subject == user.subject)
        for table in metadata.sorted_tables
        if "subject" in table.c
    }
    sids = sa.select(sessions.c.sid).where(sessions.c.subject == user.subject)
    entered = client_sessions.c.sid.in_(sids)
    found[client_sessions.name] = _rows(connection, client_sessions, entered)
    found["outbox"] = [
        {
            "kind": job.kind,
            "topic": job.topic,
            "enqueued_at": job.enqueued_at.isoformat(),
            **_shown(json.loads(job.payload)),
        }
        for job in outbox().about(connection, user.subject, user.email)
    ]
    return found


def _rows(
    connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> list[dict[str, Any]]:
    query = sa.select(table).where(which).order_by(*table.primary_key)
    return [_shown(row) for row in connection.execute(query).mappings()]


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if not name.endswith(_SECRET)
    }
