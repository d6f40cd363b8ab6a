"""The messenger: takes log-outs that are due, and tells each client of its own.

No request waits for it. One that cannot be told is tried again, later each time, for a day.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum, auto

from flask_handoff import Client
from flask_handoff.errors import LogoutNotDeliveredError
from server1.parts import parts

from . import queue
from .issuer import handoff
from .queue import WaitingLogout

NEW_SIGN_INS_SPARED = timedelta(minutes=1)
"""How long before a log-out of a whole account its sessions at the services go on."""

_log = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a log-out."""

    TOLD = auto()
    NOBODY = auto()  # the client is not registered any more, or is not told of log-outs
    PUT_OFF = auto()
    GIVEN_UP = auto()


def tell_due() -> Counter[Outcome]:
    """Tell of the log-outs that are due, one after another, and count what became of them.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach. A log-out that was being told
            is due again after a while.
    """
    outcomes: Counter[Outcome] = Counter()
    while outcome := tell_next():
        outcomes[outcome] += 1
    return outcomes


def goes_on() -> bool:
    """Tell of one log-out that is due, and say whether there was one.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: As above.
    """
    return tell_next() is not None


def tell_next() -> Outcome | None:
    """Tell of the log-out that is due for the longest time; return None when none is due.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: As above.
    """
    notifying = parts().notifying
    logout = notifying.begin(_claim)
    if logout is None:
        return None
    try:
        return _process(logout)
    finally:
        notifying.end(logout)


def _process(logout: WaitingLogout) -> Outcome:
    client = _client(logout.client_id)
    if client is None:
        with parts().database.writing() as connection:
            queue.remove(connection, logout)
        return Outcome.NOBODY
    return _settle(logout, _tell(logout, client))


def _claim(but_for: Collection[str]) -> WaitingLogout | None:
    database, now = parts().database, parts().clock()
    with database.reading() as connection:
        if not queue.is_any_due(connection, now):
            return None
    with database.writing() as connection:
        return queue.claim(connection, now, but_for=but_for)


def _client(client_id: str) -> Client | None:
    for client in handoff.clients():
        if client.client_id == client_id and client.backchannel_logout_uri is not None:
            return client
    return None


def _tell(logout: WaitingLogout, client: Client) -> str | None:
    """Tell a client, outside of any transaction; return why that failed."""
    try:
        handoff.send_logout(
            client, ended_at=_ended_at(logout), session_id=logout.sid, subject=logout.subject
        )
    except LogoutNotDeliveredError as error:
        return str(error)
    except Exception as error:
        # A fault of ours must not cost the log-out. The error's text may hold the token.
        return f"this server has failed ({type(error).__name__})"
    return None


def _ended_at(logout: WaitingLogout) -> datetime:
    if logout.sid is not None:
        return logout.enqueued_at
    # Sessions that were still there are told by name; the others have been idle for much longer.
    # Meanwhile somebody may have signed in anew, perhaps at a machine whose clock is behind.
    return logout.enqueued_at - NEW_SIGN_INS_SPARED


def _settle(logout: WaitingLogout, failure: str | None) -> Outcome:
    now = parts().clock()
    swept: list[int] = []
    with parts().database.writing() as connection:
        if failure is None:
            outcome = Outcome.TOLD
            queue.remove(connection, logout)
        elif queue.is_to_be_given_up(logout, now):
            outcome = Outcome.GIVEN_UP
            queue.give_up(connection, logout, failure)
            swept += queue.sweep(connection, now)
        else:
            outcome = Outcome.PUT_OFF
            queue.put_off(connection, logout, failure, now)
    _log_outcome(logout, outcome, failure)
    for number in swept:
        _log.warning("log-out %d is removed: it was given up a month ago", number)
    return outcome


def _log_outcome(logout: WaitingLogout, outcome: Outcome, failure: str | None) -> None:
    if failure is None:
        _log.info("log-out %d %s: told", logout.number, logout.client_id)
        return
    level, what = (
        (logging.ERROR, "given up") if outcome is Outcome.GIVEN_UP else (logging.WARNING, "put off")
    )
    _log.log(
        level,
        "log-out %d %s: %s at attempt %d: %s",
        *(logout.number, logout.client_id, what, logout.attempts, failure),
    )
