"""Revocation at clients: what a user has there ends, and their session here goes on.

All in one transaction, as ``revocation`` says of sessions that end here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from flask_handoff.profiles import CLIENT_ID
from server1 import audit, logouts
from server1.audit import EndReason, Event
from server1.logouts import Logout

from .app_access import end_access_of_client, end_all_access
from .client_sessions import ClientSession, take_client_sessions, take_expired
from .codes import codes
from .consents import remove_consent
from .sessions import SID
from .users import User
from .valid_after import cut_client, cut_client_session, cut_user


def withdraw_consent(connection: Connection, user: User, unverified_client_id: str) -> None:
    """Withdraw what a user agreed to for a client, and end their sessions there, and its access.

    Its codes and access tokens are good for nothing from then on, also when the user agrees again:
    then it was perhaps to less.
    """
    # What is no client's name is not looked for: PostgreSQL takes no text with a NUL in it.
    if CLIENT_ID.fullmatch(unverified_client_id) is None:
        return
    client_id = unverified_client_id
    if remove_consent(connection, user.subject, client_id):
        reason = EndReason.CONSENT_WITHDRAWN
        end_at_client(connection, user.subject, client_id, reason)
        about = {"subject": user.subject, "client_id": client_id}
        audit.record(connection, Event.CONSENT_WITHDRAWN, **about, reason=reason)


def end_service(
    connection: Connection, user: User, unverified_sid: str, unverified_client_id: str
) -> None:
    """End one session of an account at one service that it entered, if there is such a one.

    It goes on here and at its other services, and may enter this one anew.
    """
    # What is no such name is not looked for: PostgreSQL takes no text with a NUL in it.
    if not (SID.fullmatch(unverified_sid) and CLIENT_ID.fullmatch(unverified_client_id)):
        return
    which = {"subject": user.subject, "client_id": unverified_client_id, "sid": unverified_sid}
    entered = take_client_sessions(connection, **which)
    for one in entered:
        valid_after = cut_client_session(connection, **which)
        notice = logouts.ended(one.subject, one.sid, valid_after)
        logouts.enqueue_all(connection, one.client_id, [notice])
    record_ended_there(connection, entered, EndReason.ENDED_BY_USER)


def end_at_client(connection: Connection, subject: str, client_id: str, reason: EndReason) -> int:
    """End all that a user has at one client: sessions, codes and tokens, and the access of its app.

    Their session here goes on, and lets them in again with what they may do then.

    Returns:
        How many sessions at the client are known to end.
    """
    # Before the sessions are locked: who redeems a code has locked it first.
    codes().end(subject=subject, client_id=client_id)
    entered = take_client_sessions(connection, subject=subject, client_id=client_id)
    expired = take_expired(connection, subject=subject, client_id=client_id)
    end_all_access(connection, subject, reason, client_id=client_id)
    valid_after = cut_user(connection, subject, client_id=client_id)
    return end_there(connection, entered, expired, valid_after, reason)


def end_at_all_clients(connection: Connection, user: User, reason: EndReason) -> int:
    """End all that an account has at whatever client, see ``end_at_client``."""
    codes().end(subject=user.subject)
    entered = take_client_sessions(connection, subject=user.subject)
    expired = take_expired(connection, subject=user.subject)
    end_all_access(connection, user.subject, reason)
    valid_after = cut_user(connection, user.subject)
    return end_there(connection, entered, expired, valid_after, reason)


def end_all_at_client(connection: Connection, client_id: str) -> tuple[int, int, datetime]:
    """End all that anybody has at one client.

    Returns:
        How many sessions ended there, how many accounts its app had access to, and since when
        what is issued counts.
    """
    codes().end(client_id=client_id)
    entered = take_client_sessions(connection, client_id=client_id)
    expired = take_expired(connection, client_id=client_id)
    accounts = end_access_of_client(client_id)
    valid_after = cut_client(connection, client_id)
    return end_there(connection, entered, expired, valid_after, None), accounts, valid_after


def end_there(
    connection: Connection,
    entered: Sequence[ClientSession],
    expired: Sequence[ClientSession],
    valid_after: datetime | None,
    reason: EndReason | None,
) -> int:
    """Notify clients of sessions that end there, and of some that had expired.

    With *valid_after* they go on here. Without a reason no event is recorded for each: that of the
    whole is, and there may be very many.
    """
    ended: dict[str, list[Logout]] = defaultdict(list)
    for one in entered:
        ended[one.client_id].append(logouts.ended(one.subject, one.sid, valid_after))
    for one in expired:
        ended[one.client_id].append(Logout(one.subject, one.sid))
    # A client may hold one that came from a session of which nothing is known here any more.
    for client_id, subject in sorted(
        {(one.client_id, one.subject) for one in (*entered, *expired)}
    ):
        ended[client_id].append(Logout(subject, None))
    for client_id, notices in sorted(ended.items()):
        logouts.enqueue_all(connection, client_id, notices)
    if reason is not None:
        record_ended_there(connection, entered, reason)
    return len(entered) + len(expired)


def record_ended_there(
    connection: Connection, ended: Iterable[ClientSession], reason: EndReason
) -> None:
    """Record that sessions that go on here have ended at clients."""
    for one in ended:
        about = {"subject": one.subject, "client_id": one.client_id}
        detail = f"session {one.sid}"
        audit.record(connection, Event.CLIENT_SESSION_ENDED, **about, detail=detail, reason=reason)
