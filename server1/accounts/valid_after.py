"""Cuts: since when what was issued counts, for everybody, a client, a user or a session.

One row each, of whole seconds. Of all that hold for a token the latest counts, see ``latest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from flask_handoff.stores.statements import Statement
from flask_service.database import insert_into, sweep
from server1 import clock, revocation_notices
from server1.audit import audit
from server1.db import metadata

TRUSTED_AHEAD = timedelta(seconds=8)
"""By how much another machine's clock may be ahead of ours: more is a fault, and not believed."""

SESSION_KEPT = timedelta(hours=1)  # of a session: its codes and tokens last minutes
KEPT = timedelta(days=31)  # longer than any family of refresh tokens
SEARCHED = 100_000  # of the newest rows of the audit log, for a date of anybody's

valid_after = sa.Table(
    "valid_after",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("valid_after", sa.BigInteger, nullable=False),
    sa.Column("forget_at", sa.BigInteger, nullable=False),
    sa.Index("valid_after_by_forget_at", "forget_at"),
)

_EVERYBODY = "everybody"
_NAMES = ("everybody", "client", "user", "session", "access", "client_session")
# For IN with several values SQLite makes a table, which costs more than to look for each of them.
_ALL = sa.union_all(
    *(
        sa.select(valid_after.c.valid_after).where(valid_after.c.name == sa.bindparam(name))
        for name in _NAMES
    )
).subquery()
_LATEST = Statement(sa.select(sa.func.max(_ALL.c.valid_after).label("second")))


def latest(
    connection: sa.Connection, client_id: str, subject: str | None, session_id: str | None
) -> datetime | None:
    """Return since when what was issued for these counts; None where nothing was taken back."""
    second = _LATEST.row(
        connection,
        everybody=_EVERYBODY,
        client=f"client {client_id}",
        user=f"user {subject}",
        session=f"session {session_id}",
        access=f"access {subject} {client_id}",
        client_session=f"session {session_id} {client_id}",
    ).second
    return None if second is None else datetime.fromtimestamp(second, UTC)


def cut_everybody(connection: sa.Connection) -> datetime:
    """Take back all that was ever issued, and return since when what is issued counts."""
    date = _cut(connection, [_EVERYBODY], KEPT, _newest_of_all(connection))
    revocation_notices.enqueue(connection, "", [""], date)
    return date


def cut_client(connection: sa.Connection, client_id: str) -> datetime:
    """Take back what a client was ever issued, see ``cut_everybody``."""
    date = _cut(connection, [f"client {client_id}"], KEPT, _newest_of_all(connection))
    revocation_notices.enqueue(connection, "client_id", [client_id], date)
    return date


def cut_user(connection: sa.Connection, subject: str, *, client_id: str | None = None) -> datetime:
    """Take back what was issued for a user, to one client or to any, see ``cut_everybody``.

    Call it when what the user's handoffs lock is locked: what was first is in the record then.
    """
    name = f"user {subject}" if client_id is None else f"access {subject} {client_id}"
    date = _cut(connection, [name], KEPT, _newest_of(connection, subject))
    # A notice cannot name both: other programs of the user fetch another token.
    revocation_notices.enqueue(connection, "sub", [subject], date)
    return date


def cut_sessions(connection: sa.Connection, subject: str, sids: Sequence[str]) -> datetime:
    """Take back what was issued in sessions of a user that are locked, see ``cut_everybody``."""
    names = [f"session {sid}" for sid in sids]
    date = _cut(connection, names, SESSION_KEPT, _newest_of(connection, subject))
    revocation_notices.enqueue(connection, "sid", sids, date)
    return date


def cut_client_session(
    connection: sa.Connection, *, subject: str, sid: str, client_id: str
) -> datetime:
    """Take back what one client was issued in a session that is locked, see ``cut_everybody``."""
    name = f"session {sid} {client_id}"
    date = _cut(connection, [name], SESSION_KEPT, _newest_of(connection, subject))
    # A notice cannot name both: other programs in this session fetch another token.
    revocation_notices.enqueue(connection, "sid", [sid], date)
    return date


def _cut(
    connection: sa.Connection, names: Sequence[str], kept: timedelta, newest: datetime | None
) -> datetime:
    now = clock.now()
    date = max(now, newest or now).replace(microsecond=0) + timedelta(seconds=1)
    second, forget_at = int(date.timestamp()), int((date + kept).timestamp())
    insert = insert_into(connection, valid_after)
    later = sa.case(
        (insert.excluded.valid_after > valid_after.c.valid_after, insert.excluded.valid_after),
        else_=valid_after.c.valid_after,
    )
    upsert = insert.on_conflict_do_update(
        index_elements=[valid_after.c.name],
        set_={"valid_after": later, "forget_at": insert.excluded.forget_at},
    )
    rows = [{"name": name, "valid_after": second, "forget_at": forget_at} for name in names]
    if rows:
        connection.execute(upsert, rows)
    sweep(connection, valid_after, valid_after.c.forget_at < int(now.timestamp()))
    return date


def _newest_of(connection: sa.Connection, subject: str) -> datetime | None:
    """Return the newest date on record of a user: a machine whose clock is ahead has written it."""
    return _newest(connection, audit.c.subject == subject)


def _newest_of_all(connection: sa.Connection) -> datetime | None:
    newest = sa.select(sa.func.max(audit.c.id) - SEARCHED).scalar_subquery()
    return _newest(connection, audit.c.id > newest)


def _newest(connection: sa.Connection, which: sa.ColumnElement[bool]) -> datetime | None:
    query = sa.select(sa.func.max(audit.c.at)).where(
        which, audit.c.at <= clock.now() + TRUSTED_AHEAD
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found
