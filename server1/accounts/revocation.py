"""Revocation: a session's row goes, its services are to be notified, and it is recorded.

All in one transaction: no session ends here without its services ever hearing of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select

from server1 import audit, clock
from server1.audit import Event
from server1.logouts import outlived, queue
from server1.logouts.outlived import HandedOnSession

from .client_sessions import client_sessions
from .sessions import (
    ABSOLUTE_LIMIT,
    IDLE_LIMIT,
    Session,
    id_sha256_of,
    rename_session,
    sessions,
)
from .users import User, delete_user

SWEPT_AT_ONCE = 20  # rows; a sign-in clears away a few sessions that are over

_SID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)  # 128 bits in base64url


def revoke_session(connection: Connection, unverified_session_id: str) -> None:
    """End the session of a cookie, if there is one."""
    _revoke(connection, sessions.c.id_sha256 == id_sha256_of(unverified_session_id))


def revoke_session_of(connection: Connection, user: User, unverified_sid: str) -> None:
    """End one session of an account by its public reference, if there is such a one."""
    # What is no reference is not looked for: PostgreSQL takes no text with a NUL in it.
    if _SID.fullmatch(unverified_sid) is not None:
        of_user = sessions.c.subject == user.subject
        _revoke(connection, of_user & (sessions.c.sid == unverified_sid))


def revoke_all_sessions(connection: Connection, user: User) -> None:
    """End every session of an account, here and at the services.

    A service is told of each session that it was handed, and of the account as a whole: it may hold
    one that came from a session of which nothing is known here any more.
    """
    affected = _revoke(connection, sessions.c.subject == user.subject)
    _notify_of_account(connection, user, affected)


def revoke_other_sessions(connection: Connection, user: User, kept: Session | None) -> None:
    """End every session of an account but one; all of them for None."""
    if kept is None:
        revoke_all_sessions(connection, user)
        return
    of_user = sessions.c.subject == user.subject
    _revoke(connection, of_user & (sessions.c.sid != kept.sid))
    _notify(connection, outlived.take(connection, user.subject))


def revoke_after_password_change(connection: Connection, user: User, kept: Session | None) -> None:
    """End every session of an account but one, and all of them at the services.

    The one that is kept goes on as another session: whoever has copied its cookie may have gone on
    to a service with it.
    """
    if kept is None:
        revoke_all_sessions(connection, user)
        return
    of_user = sessions.c.subject == user.subject
    ended = _revoke(connection, of_user & (sessions.c.sid != kept.sid))
    left = _client_sessions(connection, [kept.sid])
    _notify(connection, left)
    connection.execute(delete(client_sessions).where(client_sessions.c.sid == kept.sid))
    rename_session(connection, kept)
    _notify_of_account(connection, user, (*ended, *left))


def delete_account(connection: Connection, user: User, *, detail: str | None = None) -> None:
    """Delete an account with all that belongs to it, and end its sessions everywhere.

    Args:
        connection: Of a writing transaction.
        user: Whose account it is.
        detail: What the audit log says of it.
    """
    revoke_all_sessions(connection, user)
    delete_user(connection, user)
    audit.record(connection, Event.ACCOUNT_CLOSED, subject=user.subject, detail=detail)


def sweep(connection: Connection, now: datetime) -> None:
    """Clear away a few sessions that are over by their time; what they led to may go on."""
    over = (
        select(sessions.c.sid)
        .where(sessions.c.last_seen_at <= now - IDLE_LIMIT)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    sids = connection.execute(over).scalars().all()
    outlived.note(connection, _client_sessions(connection, sids), now)
    _delete(connection, sids)


def _revoke(connection: Connection, which: ColumnElement[bool]) -> Collection[HandedOnSession]:
    """End sessions, and return what they were handed on to."""
    columns = [sessions.c[column] for column in ("sid", "subject", "opened_at", "last_seen_at")]
    # Locked before anything is read: a handoff under way is noted before, or finds no session.
    query = select(*columns).where(which).order_by(sessions.c.sid).with_for_update()
    closed = connection.execute(query).all()
    sids = [row.sid for row in closed]
    affected = _client_sessions(connection, sids)
    _notify(connection, affected)
    _delete(connection, sids)
    now = clock.now()
    for row in closed:
        # One whose time was over had ended before.
        if row.last_seen_at > now - IDLE_LIMIT and row.opened_at > now - ABSOLUTE_LIMIT:
            audit.record(
                connection, Event.SESSION_ENDED, subject=row.subject, detail=f"session {row.sid}"
            )
    return affected


def _client_sessions(connection: Connection, sids: Collection[str]) -> Collection[HandedOnSession]:
    if not sids:
        return ()
    query = (
        select(client_sessions.c.sid, client_sessions.c.client_id, sessions.c.subject)
        .join_from(client_sessions, sessions)
        .where(client_sessions.c.sid.in_(sids))
        .order_by(client_sessions.c.first_at)
    )
    return [HandedOnSession(*row) for row in connection.execute(query)]


def _notify(connection: Connection, ended: Iterable[HandedOnSession]) -> None:
    now = clock.now()
    for one in ended:
        queue.enqueue(connection, one.client_id, subject=one.subject, sid=one.sid, now=now)


def _notify_of_account(
    connection: Connection, user: User, affected: Iterable[HandedOnSession]
) -> None:
    now = clock.now()
    known = (*affected, *outlived.take(connection, user.subject))
    for client_id in sorted({one.client_id for one in known}):
        queue.enqueue(connection, client_id, subject=user.subject, sid=None, now=now)


def _delete(connection: Connection, sids: Collection[str]) -> None:
    if sids:
        connection.execute(delete(sessions).where(sessions.c.sid.in_(sids)))
