"""The postman: takes letters that are due, decides what becomes of each, and sends them.

Whether there is an account for an address that a stranger typed is decided here, where no stranger
can measure how long it takes. A link is made here too, a moment before its mail leaves: the token
is in memory and in the mail, never in the queue.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import Connection

from server1 import audit
from server1.accounts import links, users
from server1.accounts.mail_links import Purpose
from server1.accounts.users import User, UserUnknownError
from server1.audit import Event
from server1.parts import parts

from . import letters, queue
from .errors import DeliveryError, OutOfReachError, RefusedError, UncertainError
from .letters import LinkInLetter
from .queue import Letter, WaitingLetter

_log = logging.getLogger(__name__)

_PURPOSES: Mapping[Letter, Purpose] = {
    Letter.VERIFY_EMAIL: Purpose.VERIFY_EMAIL,
    Letter.RESET_PASSWORD: Purpose.RESET_PASSWORD,
    Letter.CHANGE_EMAIL: Purpose.CHANGE_EMAIL,
}


class Outcome(Enum):
    """What became of a letter."""

    SENT = auto()
    NOBODY = auto()  # there is no such account, or the letter does not concern it any more
    PUT_OFF = auto()
    OUT_OF_REACH = auto()  # put off, and any other letter would fare no better now
    GIVEN_UP = auto()


class _NobodyError(Exception):
    """There is nobody to write to."""


@dataclass(frozen=True, slots=True)
class _Errand:
    """Where a letter goes, and the link that was made for it."""

    address: str
    subject: str | None = None
    token: str | None = field(default=None, repr=False)
    link: LinkInLetter | None = field(default=None, repr=False)


def deliver_due() -> Counter[Outcome]:
    """Send the letters that are due, one after another, and count what became of them.

    It ends early when no mail can leave at all.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach. A letter that was being sent
            is due again after a while.
    """
    outcomes: Counter[Outcome] = Counter()
    while outcome := deliver_next():
        outcomes[outcome] += 1
        if outcome is Outcome.OUT_OF_REACH:
            break
    return outcomes


def deliver_next() -> Outcome | None:
    """Send the letter that is due for the longest time; return None when none is due.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: As above.
    """
    letter = _claim()
    if letter is None:
        return None
    errand = _prepare(letter)
    if errand is None:
        _log.info("letter %d %s: nobody to write to", letter.number, letter.kind)
        return Outcome.NOBODY
    error = _send(letter, errand)
    return _settle(letter, errand, error)


def goes_on() -> bool:
    """Send the letter that is due for the longest time, and tell whether another one may leave.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: As above.
    """
    return deliver_next() not in {None, Outcome.OUT_OF_REACH}


def _claim() -> WaitingLetter | None:
    database, now = parts().database, parts().clock()
    with database.reading() as connection:
        if not queue.is_any_due(connection, now):
            return None
    with database.writing() as connection:
        return queue.claim(connection, now)


def _prepare(letter: WaitingLetter) -> _Errand | None:
    with parts().database.writing() as connection:
        try:
            return _errand(connection, letter, parts().clock())
        except _NobodyError:
            queue.remove(connection, letter)
            return None


def _errand(connection: Connection, letter: WaitingLetter, now: datetime) -> _Errand:
    kind = Letter(letter.kind)
    match kind:
        case Letter.PASSWORD_CHANGED | Letter.EMAIL_CHANGED | Letter.ACCOUNT_CLOSED:
            return _Errand(letter.address)
        case Letter.ACCOUNT_EXISTS:
            return _Errand(_account(connection, letter).email)
        case Letter.CHANGE_EMAIL:
            user = _account(connection, letter)
            return _errand_with_link(connection, letter, user, letter.address, now)
        case Letter.VERIFY_EMAIL | Letter.RESET_PASSWORD:
            user = _account(connection, letter)
            if kind is Letter.VERIFY_EMAIL and user.email_verified:
                raise _NobodyError
            # To the address on file, not to one that a stranger typed and that looks the same.
            return _errand_with_link(connection, letter, user, user.email, now)


def _trusted_mark(connection: Connection, letter: WaitingLetter, user: User) -> str | None:
    """Return the mark of the browser that asked, if whoever made the account was in it.

    Anybody may ask for one more mail: in the browser of somebody whose address was used by a
    stranger, its link would otherwise confirm the stranger's account, and need no password.
    """
    mark = letter.browser_sha256
    if mark is None or letter.subject is not None:
        return mark
    return mark if links.is_marked(connection, _PURPOSES[Letter(letter.kind)], user, mark) else None


def _account(connection: Connection, letter: WaitingLetter) -> User:
    try:
        if letter.subject is not None:
            user = users.by_subject(connection, letter.subject)
        else:
            user = users.by_email(connection, letter.address)
    except UserUnknownError:
        raise _NobodyError from None
    if user.disabled:
        raise _NobodyError
    return user


def _errand_with_link(
    connection: Connection, letter: WaitingLetter, user: User, address: str, now: datetime
) -> _Errand:
    purpose = _PURPOSES[Letter(letter.kind)]
    token = links.make(
        connection,
        purpose=purpose,
        user=user,
        address=address,
        browser_sha256=_trusted_mark(connection, letter, user),
        now=now,
    )
    url = links.url(parts().config.issuer, purpose, token)
    return _Errand(address, user.subject, token, LinkInLetter(url, now + purpose.life))


def _send(letter: WaitingLetter, errand: _Errand) -> DeliveryError | None:
    """Send a letter, outside of any transaction."""
    try:
        message = letters.write(
            Letter(letter.kind),
            address=errand.address,
            asked_at=letter.enqueued_at,
            link=errand.link,
        )
        parts().delivery.deliver(message)
    except DeliveryError as error:
        return error
    except Exception as error:
        # A fault of ours must not cost the letter. The error's text may hold the link.
        return DeliveryError(f"this server has failed ({type(error).__name__})")
    return None


def _settle(letter: WaitingLetter, errand: _Errand, error: DeliveryError | None) -> Outcome:
    now = parts().clock()
    swept: list[int] = []
    with parts().database.writing() as connection:
        if errand.token is not None and error is not None and not _may_arrive(error):
            links.withdraw(connection, errand.token)
        if error is None:
            outcome = Outcome.SENT
            queue.remove(connection, letter)
            if errand.token is not None:
                audit.record(
                    connection, Event.LINK_MAILED, subject=errand.subject, detail=letter.kind
                )
        elif isinstance(error, RefusedError) or queue.is_to_be_given_up(letter, now):
            outcome = Outcome.GIVEN_UP
            queue.give_up(connection, letter, str(error))
            swept += queue.sweep(connection, now)
        else:
            outcome = Outcome.PUT_OFF
            queue.put_off(connection, letter, str(error), now)
    _log_outcome(letter, outcome, error)
    for number in swept:
        _log.warning("letter %d is removed: it was given up a month ago", number)
    return Outcome.OUT_OF_REACH if isinstance(error, OutOfReachError) else outcome


def _may_arrive(error: DeliveryError) -> bool:
    return isinstance(error, UncertainError)


def _log_outcome(letter: WaitingLetter, outcome: Outcome, error: DeliveryError | None) -> None:
    if error is None:
        _log.info("letter %d %s: sent", letter.number, letter.kind)
        return
    what = "given up" if outcome is Outcome.GIVEN_UP else "put off"
    _log.warning(
        "letter %d %s: %s at attempt %d: %s",
        *(letter.number, letter.kind, what, letter.attempts, error),
    )
