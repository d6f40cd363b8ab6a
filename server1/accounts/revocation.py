"""Revocation: a session's row goes, its services are to be notified, and it is recorded.

All in one transaction: no session ends here without its services ever hearing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select

from server1 import audit, clock, logouts
from server1.audit import EndReason, Event

from . import links
from .app_access import end_access_of_everybody, end_all_access
from .client_revocation import end_there, record_ended_there
from .client_sessions import (
    ClientSession,
    client_sessions,
    client_sessions_of,
    keep_expired,
    take_client_sessions,
    take_expired,
)
from .codes import end_codes_of_everybody
from .consents import remove_all_consents
from .devices import device
from .sessions import ABSOLUTE_LIMIT, IDLE_LIMIT, SID, Session, id_sha256_of, sessions
from .users import User, users
from .valid_after import cut_everybody, cut_sessions, cut_user

SWEPT_AT_ONCE = 20  # rows; a sign-in removes a few sessions that have expired

_RECORDED = ("sid", "subject", "auth_time", "last_seen_at", "user_agent")


class SessionUnknownError(LookupError):
    """There is no such session; it may have ended."""


def revoke_session(
    connection: Connection,
    unverified_session_id: str,
    reason: EndReason,
    client_id: str | None = None,
) -> Sequence[ClientSession]:
    """End the session of a cookie, if there is one, and return what it entered.

    Args:
        client_id: Who asked for it, if a client did.
    """
    of_cookie = sessions.c.id_sha256 == id_sha256_of(unverified_session_id)
    return _revoke(connection, of_cookie, reason, client_id)


def revoke_session_of(
    connection: Connection, user: User, unverified_sid: str, reason: EndReason
) -> None:
    """End one session of an account by its public reference, if there is such a one."""
    # What is no reference is not looked for: PostgreSQL takes no text with a NUL in it.
    if SID.fullmatch(unverified_sid) is not None:
        of_user = sessions.c.subject == user.subject
        _revoke(connection, of_user & (sessions.c.sid == unverified_sid), reason)


def revoke_session_named(
    connection: Connection, unverified_sid: str, reason: EndReason
) -> tuple[int, datetime]:
    """End a session by its public reference, whoever's it is; return as ``revoke_all_sessions``.

    Raises:
        SessionUnknownError: There is none.
    """
    # What is no reference is not looked for: PostgreSQL takes no text with a NUL in it.
    if SID.fullmatch(unverified_sid) is None:
        raise SessionUnknownError(
            "There is no session of such a name: expected 22 letters, digits, - and _."
        )
    query = select(sessions.c.subject).where(sessions.c.sid == unverified_sid)
    subject = connection.execute(query).scalar_one_or_none()
    if subject is None:
        raise SessionUnknownError(f"There is no session {unverified_sid}. It may have ended.")
    ended = _revoke(connection, sessions.c.sid == unverified_sid, reason)
    return len(ended), cut_sessions(connection, subject, [unverified_sid])


def revoke_everything(connection: Connection) -> tuple[int, int, datetime]:
    """End every session, code and access of an app, all tokens, and all links in mails.

    Returns:
        How many sessions there were here, and how many of them at services; and since when what is
        issued counts.
    """
    links.revoke_of_everybody(connection)
    end_codes_of_everybody(connection)
    # Locked first: a handoff under way is noted before, or finds no session.
    connection.execute(select(sessions.c.sid).order_by(sessions.c.sid).with_for_update()).all()
    entered, expired = take_client_sessions(connection), take_expired(connection)
    here = connection.execute(delete(sessions).returning(sessions.c.sid)).all()
    end_access_of_everybody(connection)
    valid_after = cut_everybody(connection)
    return len(here), end_there(connection, entered, expired, None, None), valid_after


def revoke_all_sessions(
    connection: Connection, user: User, reason: EndReason
) -> tuple[int, datetime]:
    """End every session of an account, here and at the services, and the access of its apps.

    A service is notified of each session that entered it, and of the account as a whole: it may
    hold one that came from a session of which nothing is known here any more.

    Returns:
        How many sessions at services end, and since when what is issued counts.
    """
    ended = _revoke(connection, sessions.c.subject == user.subject, reason)
    end_all_access(connection, user.subject, reason)
    valid_after = cut_user(connection, user.subject)
    return _notify_of_account(connection, user, ended), valid_after


def revoke_other_sessions(
    connection: Connection, user: User, reason: EndReason, *, kept: Session | None
) -> None:
    """End every session of an account but one, and the access of its apps; all of them for None."""
    if kept is None:
        revoke_all_sessions(connection, user, reason)
        return
    _revoke_others(connection, user, kept, reason)
    end_all_access(connection, user.subject, reason)
    _notify(connection, take_expired(connection, subject=user.subject))


def revoke_after_password_change(connection: Connection, user: User, kept: Session) -> None:
    """End every session of an account but one, and all of them at the services; its apps' access.

    The one that is kept needs another ``sid`` then, see ``sessions.renew_session``: its cookie may
    have been copied, and the copy may have entered a service.
    """
    reason = EndReason.PASSWORD_CHANGED
    # The kept one too, before what it entered: an app's first token locks them in this order.
    of_user = select(sessions.c.sid).where(sessions.c.subject == user.subject)
    connection.execute(of_user.order_by(sessions.c.sid).with_for_update()).all()
    ended = _revoke_others(connection, user, kept, reason)
    entered = client_sessions_of(connection, sessions.c.sid == kept.sid)
    _notify(connection, entered)
    record_ended_there(connection, entered, reason)
    connection.execute(delete(client_sessions).where(client_sessions.c.sid == kept.sid))
    end_all_access(connection, user.subject, reason)
    cut_user(connection, user.subject)
    _notify_of_account(connection, user, (*ended, *entered))


def delete_account(connection: Connection, user: User, *, detail: str | None = None) -> None:
    """Delete an account with all that belongs to it, and end its sessions everywhere.

    The audit log keeps *detail*.
    """
    # The account first, as by whoever changes it. Then: a sign-in under way has locked its consent,
    # and wants its session next.
    connection.execute(
        select(users.c.subject).where(users.c.subject == user.subject).with_for_update()
    )
    remove_all_consents(connection, user.subject)
    revoke_all_sessions(connection, user, EndReason.ACCOUNT_DELETED)
    connection.execute(delete(users).where(users.c.subject == user.subject))  # never used again
    audit.record(connection, Event.ACCOUNT_DELETED, subject=user.subject, detail=detail)


def sweep(connection: Connection, now: datetime) -> None:
    """Remove a few expired sessions, and keep in mind which services they entered."""
    expired = (
        select(sessions.c.sid)
        .where(sessions.c.last_seen_at <= now - IDLE_LIMIT)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    sids = connection.execute(expired).scalars().all()
    keep_expired(connection, sids, now)
    connection.execute(delete(sessions).where(sessions.c.sid.in_(sids)))


def _revoke_others(
    connection: Connection, user: User, kept: Session, reason: EndReason
) -> Sequence[ClientSession]:
    of_user = sessions.c.subject == user.subject
    return _revoke(connection, of_user & (sessions.c.sid != kept.sid), reason)


def _revoke(
    connection: Connection,
    which: ColumnElement[bool],
    reason: EndReason,
    client_id: str | None = None,
) -> Sequence[ClientSession]:
    """End sessions, and return what they entered."""
    columns = [sessions.c[column] for column in _RECORDED]
    # Locked before anything is read: a handoff under way is noted before, or finds no session.
    query = select(*columns).where(which).order_by(sessions.c.sid).with_for_update()
    ended = connection.execute(query).all()
    sids = [row.sid for row in ended]
    entered = client_sessions_of(connection, sessions.c.sid.in_(sids))
    _notify(connection, entered)
    connection.execute(delete(sessions).where(sessions.c.sid.in_(sids)))
    for subject in {row.subject for row in ended}:
        of_user = [row.sid for row in ended if row.subject == subject]
        cut_sessions(connection, subject, of_user)
    now = clock.now()
    for row in ended:
        # An expired one had ended before.
        if row.last_seen_at > now - IDLE_LIMIT and row.auth_time > now - ABSOLUTE_LIMIT:
            about = {"subject": row.subject, "client_id": client_id}
            detail = f"session {row.sid}, {device(row.user_agent)}"
            audit.record(connection, Event.SESSION_ENDED, **about, detail=detail, reason=reason)
    return entered


def _notify(connection: Connection, ended: Iterable[ClientSession]) -> None:
    for one in ended:
        logouts.enqueue(connection, one.client_id, subject=one.subject, sid=one.sid)


def _notify_of_account(connection: Connection, user: User, ended: Iterable[ClientSession]) -> int:
    entered = (*ended, *take_expired(connection, subject=user.subject))
    for client_id in sorted({one.client_id for one in entered}):
        logouts.enqueue(connection, client_id, subject=user.subject, sid=None)
    return len(entered)
