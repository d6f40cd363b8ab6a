"""Credentials: an e-mail address and a password, checked as often as the throttles allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from flask_service.database import database
from server1 import audit, clock
from server1.audit import Event

from . import passwords, throttles, users
from .email_addresses import EmailAddressError, fold
from .passwords import PasswordWrongError, check_password
from .throttles import Attempt, Counted, Limit, TooManyAttemptsError
from .users import User, UserChangedError, UserUnknownError

# What those before it turn out to be frees the limit, or keeps it; not the end of its period.
_JUDGED_WITHIN = timedelta(seconds=5)


@contextmanager
def authenticated(
    unverified_email: str, unverified_password: str, *, address: str
) -> Iterator[tuple[Connection, User]]:
    """Compare what was typed with the account's password, and open the transaction that follows.

    Args:
        address: The client's.

    Yields:
        A writing transaction in which the account is locked, and the account.

    Raises:
        PasswordUnusableError: No account can have this password; the message may be shown.
        PasswordWrongError: Wrong, or there is no such account, or it is disabled.
        TooManyAttemptsError: A limit is reached; nothing was compared.
        HasherBusyError: The password could not be compared in time; nothing was counted.
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
    """
    password = check_password(unverified_password)
    attempt = Attempt(_account(unverified_email), address)
    with database().reading() as connection:
        known = throttles.is_known(connection, attempt, clock.now())
    with passwords.hasher().turns.admitted(known=known):
        counted = _counted(attempt)
        try:
            with _proven(attempt, counted, password, known=known) as proven:
                yield proven
        except PasswordWrongError:
            with database().writing() as connection:
                throttles.keep(connection, counted)
                _record(connection, attempt, Event.SIGN_IN_FAILED)
            raise
        except BaseException:
            # Not compared, or right, and what followed was refused or undone.
            with suppress(SQLAlchemyError), database().writing() as connection:
                throttles.take_back(connection, counted)
            raise


@contextmanager
def locked(user: User) -> Iterator[tuple[Connection, User]]:
    """Open a writing transaction in which an account is as it was read, and locked.

    Raises:
        UserChangedError: It was changed, disabled or deleted meanwhile.
    """
    with database().writing() as connection:
        users.lock(connection, user)
        yield connection, user


def _counted(attempt: Attempt) -> Counted:
    """Count an attempt. Where others that are not judged yet reach a limit, wait for them."""
    deadline = passwords.hasher().turns.deadline()
    while True:
        now = clock.now()
        try:
            with database().writing() as connection:
                return throttles.count_failure(connection, attempt, now)
        except TooManyAttemptsError as refusal:
            if refusal.is_pending and _is_room_in_time(refusal, deadline):
                continue
            # Once a period: refused attempts have no limit, and must not fill the database.
            once = Limit("recorded", 1, refusal.limit.period)
            with suppress(TooManyAttemptsError), database().writing() as connection:
                throttles.count_request(connection, once, refusal.key, now=now)
                detail = f"limit: {refusal.limit.name}"
                _record(connection, attempt, Event.SIGN_IN_THROTTLED, detail)
            if refusal.is_pending:
                refusal.retry_after = min(refusal.retry_after, _JUDGED_WITHIN)
            raise


def _is_room_in_time(refusal: TooManyAttemptsError, deadline: float) -> bool:
    def has_room() -> bool:
        with database().reading() as connection:
            return throttles.has_room(connection, refusal.limit, refusal.key, clock.now())

    return passwords.hasher().turns.wait_until(has_room, deadline)


@contextmanager
def _proven(
    attempt: Attempt, counted: Counted, password: str, *, known: bool
) -> Iterator[tuple[Connection, User]]:
    with database().reading() as connection:
        user = _find_user(connection, attempt.account)
    new_hash = _check(user, password, known=known)
    with database().writing() as connection:
        if user is None:
            raise PasswordWrongError
        try:
            users.lock(connection, user)
        except UserChangedError as error:
            raise PasswordWrongError("the account changed meanwhile") from error
        throttles.take_back(connection, counted)
        throttles.note_known(connection, attempt, user, clock.now())
        if new_hash is not None:
            users.change(connection, user, password_hash=new_hash)
        yield connection, user


def _check(user: User | None, password: str, *, known: bool) -> str | None:
    """Check the password, outside any transaction. Return a new hash where the old is outdated."""
    hasher = passwords.hasher()
    found = hasher.check(None if user is None else user.password_hash, password, known=known)
    if user is None or user.disabled:
        raise PasswordWrongError
    if not hasher.is_outdated(user.password_hash):
        return None
    return hasher.hash(found, known=True)  # they have their place already


def _record(
    connection: Connection, attempt: Attempt, event: Event, detail: str | None = None
) -> None:
    # The same steps whether there is such an account or not: their time must not tell.
    user = _find_user(connection, attempt.account)
    subject = None if user is None else user.subject
    audit.record(connection, event, subject=subject, detail=detail)


def _account(unverified_email: str) -> str:
    try:
        return fold(unverified_email)
    except EmailAddressError:
        return ""  # no account has it, and all such texts are throttled as one


def _find_user(connection: Connection, account: str) -> User | None:
    try:
        return users.by_email(connection, account) if account else None
    except UserUnknownError:
        return None
