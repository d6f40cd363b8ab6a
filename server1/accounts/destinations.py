"""Destinations: where somebody was going who has to confirm their address first.

The mail may be read hours later, and in another browser, so it is kept here: one for each account,
until the address is confirmed.
"""

from __future__ import annotations

import sqlalchemy as sa

from flask_service.database import insert_into
from server1.db import metadata

LONGEST_TARGET = 2048  # characters; clients take none that is longer

destinations = sa.Table(
    "destinations",
    metadata,
    sa.Column("subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("target", sa.String(LONGEST_TARGET)),  # as it came: the client checks it
)


def note_destination(
    connection: sa.Connection, subject: str, client_id: str, unverified_target: str | None
) -> None:
    """Note where the user of an account is going; what was noted before is forgotten.

    A target that no client takes is left out.
    """
    target = unverified_target or ""
    is_usable = target.isascii() and target.isprintable() and 0 < len(target) <= LONGEST_TARGET
    values = {"client_id": client_id, "target": target if is_usable else None}
    insert = insert_into(connection, destinations).values(subject=subject, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["subject"], set_=values))


def take_destination(connection: sa.Connection, subject: str) -> tuple[str, str | None] | None:
    """Return the client and the target that were noted, and forget them; None where none were."""
    taken = (
        sa.delete(destinations)
        .where(destinations.c.subject == subject)
        .returning(destinations.c.client_id, destinations.c.target)
    )
    row = connection.execute(taken).one_or_none()
    return None if row is None else (row.client_id, row.target)
