"""Who is signed in here: the cookie of this request, and the session it stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from flask import g, request, session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import Connection

from flask_service.client_address import client_address
from flask_service.database import database
from flask_service.session_cookie import give_session_id, held_session_id, replace_cookie

from . import clock
from .accounts import revocation, sessions
from .accounts.client_sessions import ClientSession
from .accounts.sessions import Browser, Session, SessionExpiredError
from .accounts.users import User
from .audit import EndReason

_LONGEST_USER_AGENT = 200  # characters


class NotSignedInError(Exception):
    """Nobody is signed in in this request's browser."""


def current_session() -> Session | None:
    """Return the live session of this request's browser; None when nobody is signed in.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    if "current_session" not in g:
        g.current_session = _find_session()
    found: Session | None = g.current_session
    return found


def session_seen() -> Session | None:
    """Return the session that this request has found already; it asks no database.

    For the head of each page, also of one that says that the database is out of reach.
    """
    found: Session | None = g.get("current_session")
    return found


def session_here() -> Session:
    """Return the live session of this request's browser.

    Raises:
        NotSignedInError: There is none.
        sqlalchemy.exc.SQLAlchemyError: The database cannot say.
    """
    session_or_none = current_session()
    if session_or_none is None:
        raise NotSignedInError
    return session_or_none


def is_signed_in(user: User) -> bool:
    """Tell whether this request's browser is signed in to this account."""
    session_or_none = current_session()
    return session_or_none is not None and session_or_none.user.subject == user.subject


def session_has_ended() -> bool:
    """Tell whether this browser holds a session that has expired, or was ended elsewhere."""
    return held_session_id() is not None and current_session() is None


def sign_in(connection: Connection, user: User) -> None:
    """Open a session for *user* in this browser, with a new identifier, and end the one before.

    Where that was theirs too, it is kept. Nothing of the old cookie is: an attacker who planted it
    knows nothing of the new one.
    """
    now = clock.now()
    before = _held_session(connection, now)
    if before is None or before.user.subject != user.subject:
        sign_out(connection, EndReason.OTHER_ACCOUNT)
        give_session_id(sessions.open_session(connection, user, _browser(), now))
    else:
        _clear_cookie()
        give_session_id(sessions.reopen_session(connection, before, _browser(), now))
    revocation.sweep(connection, now)


def renew_session(connection: Connection) -> None:
    """Give this browser's session new identifiers: a copy of the old ones opens nothing.

    Raises:
        NotSignedInError: Nobody is signed in.
    """
    here = session_here()
    _clear_cookie()
    give_session_id(sessions.renew_session(connection, here))


def session_reference() -> str | None:
    """Return the ``sid`` of this browser's live session; None when nobody is signed in."""
    session_or_none = current_session()
    return None if session_or_none is None else session_or_none.sid


def reopen_session(sid: str) -> str | None:
    """Return a new session id for a live session, for the browser that has just opened it."""
    g.pop("current_session", None)
    with database().writing() as connection:
        return sessions.give_new_id(connection, sid)


def sign_out(
    connection: Connection, reason: EndReason, client_id: str | None = None
) -> Sequence[ClientSession]:
    """End this browser's session, and return what it entered. Its cookie is replaced, not deleted.

    Chromium keeps a page of before in its history when a cookie merely goes.

    Args:
        client_id: Who asked for it, if a client did.
    """
    unverified_session_id = held_session_id()
    ended: Sequence[ClientSession] = ()
    if unverified_session_id is not None:
        ended = revocation.revoke_session(connection, unverified_session_id, reason, client_id)
    _clear_cookie()
    return ended


def browser_fingerprint() -> str:
    """Return what this browser is known by until it signs in or out, as 64 hexadecimal digits.

    It is the hash of the random value in its cookie that its forms are checked against.
    """
    generate_csrf()
    return hashlib.sha256(session["csrf_token"].encode()).hexdigest()


def _clear_cookie() -> None:
    g.pop("current_session", None)
    replace_cookie()


def _find_session() -> Session | None:
    if held_session_id() is None:
        return None
    now = clock.now()
    with database().reading() as connection:
        found = _held_session(connection, now)
        # A clock that was ahead wrote another date: a session must not live longer by that.
        interval = sessions.LAST_SEEN_INTERVAL
        if found is not None and not -interval < now - found.last_seen_at < interval:
            database().after_reading(lambda: _note_seen(found, now))
    return found


def _note_seen(session: Session, now: datetime) -> None:
    with database().writing() as connection:
        sessions.note_seen(connection, session, now)


def _held_session(connection: Connection, now: datetime) -> Session | None:
    unverified_session_id = held_session_id()
    if unverified_session_id is None:
        return None
    try:
        return sessions.find_session(connection, unverified_session_id, now)
    except SessionExpiredError:
        return None


def _browser() -> Browser:
    printable = "".join(c for c in request.user_agent.string if c.isprintable())
    return Browser(client_address(), printable[:_LONGEST_USER_AGENT])
