"""Client sessions: which services a session entered, for its owner to see and for logout.

A session that expires ends nothing elsewhere: each service has a lifetime of its own. But when all
of somebody's sessions are to end, the services of the expired ones are notified as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from flask_handoff import Client, SignedInUser
from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, insert_in, sweep
from server1.db import metadata

from .consents import consents
from .sessions import LIVE, SessionExpiredError, limits, sessions
from .users import users

ASKED_AT_ONCE = 500  # sessions; a statement has a limited number of values
EXPIRED_KEPT_FOR = timedelta(days=30)  # longer than a session at a service is likely to last

client_sessions = sa.Table(
    "client_sessions",
    metadata,
    sa.Column("sid", sa.ForeignKey("sessions.sid", ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("entered_at", Instant, nullable=False),
)

expired_client_sessions = sa.Table(
    "expired_client_sessions",
    metadata,
    sa.Column("sid", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column(
        "subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("noted_at", Instant, nullable=False),
    sa.Index("expired_client_sessions_by_noted_at", "noted_at"),
)


class ClientSession(NamedTuple):
    """A session, and one service that it entered."""

    sid: str
    client_id: str
    subject: str


_OF_SESSIONS = sa.select(
    client_sessions.c.sid, client_sessions.c.client_id, sessions.c.subject
).join_from(client_sessions, sessions)


def _insert_or_lock(dialect: str) -> sa.Insert:
    insert = insert_in(dialect, client_sessions)
    keys = [client_sessions.c.sid, client_sessions.c.client_id]
    locked: sa.Insert = insert.on_conflict_do_update(
        index_elements=keys, set_={"client_id": insert.excluded.client_id}
    )
    # SQLite has one writer: there is nobody to keep out.
    return insert.on_conflict_do_nothing() if dialect == "sqlite" else locked


_INSERT = Statement(_insert_or_lock)


def note_client_session(connection: sa.Connection, sid: str, client_id: str, now: datetime) -> None:
    """Note that a session enters a client; the first time counts.

    Until the transaction has ended nobody takes it back, see ``take_client_sessions``: what is
    granted is looked up after it.

    Raises:
        SessionExpiredError: The session has ended; the transaction is to be undone then.
    """
    try:
        _INSERT.rows(connection, sid=sid, client_id=client_id, entered_at=now)
    except sa.exc.IntegrityError:
        # Nothing else can be wrong with these values. Looking first would cost every handoff.
        raise SessionExpiredError from None


_FIND = Statement(
    sa.select(
        *(users.c[name] for name in ("subject", "name", "email", "email_verified")),
        *(sessions.c.sid, sessions.c.auth_time),
        consents.c.client_id.label("consented_to"),
    )
    .join_from(client_sessions, sessions)
    .join(users)
    .outerjoin(
        consents,
        (consents.c.subject == users.c.subject)
        & (consents.c.client_id == client_sessions.c.client_id),
    )
    .where(
        client_sessions.c.sid == sa.bindparam("of_sid"),
        client_sessions.c.client_id == sa.bindparam("of_client"),
        sessions.c.subject == sa.bindparam("of_subject"),
        *LIVE,
    )
)


def user_of_client_session(
    connection: sa.Connection, client: Client, *, sid: str, subject: str, now: datetime
) -> SignedInUser:
    """Return whose session let a client in.

    Raises:
        SessionExpiredError: It has expired or ended, here or at this client; its account is
            disabled or gone; or the user withdrew the consent that the client needs.
    """
    found = _FIND.row(
        connection, of_sid=sid, of_client=client.client_id, of_subject=subject, **limits(now)
    )
    if found is None or (found.consented_to is None and not client.first_party):
        raise SessionExpiredError
    return SignedInUser(
        found.subject, found.sid, found.auth_time, found.name, found.email, found.email_verified
    )


# Rows are locked in the order in which the tables stand here: who ends a session locks it first.
_HOLD = Statement(
    sa.select(client_sessions.c.sid)
    .join_from(sessions, client_sessions)
    .where(
        client_sessions.c.sid == sa.bindparam("of_sid"),
        client_sessions.c.client_id == sa.bindparam("of_client"),
    )
    .with_for_update(read=True)
)


def hold_client_session(connection: sa.Connection, *, sid: str, client_id: str) -> None:
    """Keep a session that entered a client until this transaction has ended.

    Who ends it meanwhile waits, and then sees what this transaction wrote.

    Raises:
        SessionExpiredError: It has ended, here or at this client.
    """
    if _HOLD.row(connection, of_sid=sid, of_client=client_id) is None:
        raise SessionExpiredError


def client_sessions_of(
    connection: sa.Connection, which: sa.ColumnElement[bool]
) -> Sequence[ClientSession]:
    """Return which clients some sessions entered, in the order in which they were entered.

    Args:
        which: A condition on the columns of ``sessions``.
    """
    order = (client_sessions.c.entered_at, client_sessions.c.client_id)
    found = connection.execute(_OF_SESSIONS.where(which).order_by(*order))
    return [ClientSession(*row) for row in found]


def keep_expired(connection: sa.Connection, sids: Collection[str], now: datetime) -> None:
    """Keep the client sessions of expired sessions, and remove a few that were kept for long."""
    expired = _OF_SESSIONS.add_columns(sa.literal(now, Instant)).where(sessions.c.sid.in_(sids))
    names = ["sid", "client_id", "subject", "noted_at"]
    connection.execute(sa.insert(expired_client_sessions).from_select(names, expired))
    long_ago = expired_client_sessions.c.noted_at <= now - EXPIRED_KEPT_FOR
    sweep(connection, expired_client_sessions, long_ago)


def take_expired(
    connection: sa.Connection, *, subject: str | None = None, client_id: str | None = None
) -> Sequence[ClientSession]:
    """Remove the expired client sessions of an account, a client, or both; return them: they end.

    Without either, all of them.
    """
    table = expired_client_sessions
    columns = [table.c[name] for name in ClientSession._fields]
    given = {"subject": subject, "client_id": client_id}
    which = [table.c[name] == value for name, value in given.items() if value is not None]
    taken = sa.delete(table).where(*which).returning(*columns)
    return [ClientSession(*row) for row in connection.execute(taken)]


def take_client_sessions(
    connection: sa.Connection,
    *,
    subject: str | None = None,
    client_id: str | None = None,
    sid: str | None = None,
) -> Sequence[ClientSession]:
    """Remove what sessions of an account entered, or anybody's at a client; return it.

    The sessions go on here. Those of an account are locked first: a handoff under way is noted
    before, or it enters anew.
    """
    given = {"client_id": client_id, "sid": sid}
    which = [client_sessions.c[name] == value for name, value in given.items() if value is not None]
    if subject is not None:
        of_user = sa.select(sessions.c.sid).where(sessions.c.subject == subject)
        connection.execute(of_user.order_by(sessions.c.sid).with_for_update()).all()
        which.append(client_sessions.c.sid.in_(of_user))
    columns = (client_sessions.c.sid, client_sessions.c.client_id)
    taken = connection.execute(sa.delete(client_sessions).where(*which).returning(*columns)).all()
    subjects = _subjects_of(connection, [sid for sid, _ in taken])
    return sorted((ClientSession(*row, subjects[row.sid]) for row in taken), key=_order)


def _subjects_of(connection: sa.Connection, sids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(sids), ASKED_AT_ONCE):
        some = sessions.c.sid.in_(sids[start : start + ASKED_AT_ONCE])
        rows = connection.execute(sa.select(sessions.c.sid, sessions.c.subject).where(some))
        found |= {row.sid: row.subject for row in rows}
    return found


def _order(one: ClientSession) -> tuple[str, str]:
    return one.client_id, one.sid
