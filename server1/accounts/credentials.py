"""Credentials: an e-mail address and a password, checked as often as the throttles allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from sqlalchemy import Connection

from flask_service.database import database
from server1 import audit, clock
from server1.audit import Event

from . import passwords, throttles, users
from .email_addresses import EmailAddressError, fold
from .passwords import HasherBusyError, PasswordWrongError, check_password
from .throttles import Attempt, Limit, TooManyAttemptsError
from .users import User, UserChangedError, UserUnknownError


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
    now = clock.now()
    attempt = Attempt(_account(unverified_email), address)
    # Side by side, good attempts that are not checked yet would count as failures of each other.
    with passwords.hasher().one_at_a_time(f"{attempt.account} {attempt.network}"):
        try:
            with _authenticated(attempt, password, now) as proven:
                yield proven
        except PasswordWrongError:
            with database().writing() as connection:
                _record(connection, attempt, Event.SIGN_IN_FAILED)
            raise
        except TooManyAttemptsError as refusal:
            # Once a period: refused attempts have no limit, and must not fill the database.
            once = Limit("recorded", 1, refusal.limit.period)
            with suppress(TooManyAttemptsError), database().writing() as connection:
                throttles.count_request(connection, once, refusal.key, now=now)
                detail = f"limit: {refusal.limit.name}"
                _record(connection, attempt, Event.SIGN_IN_THROTTLED, detail)
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


@contextmanager
def _authenticated(
    attempt: Attempt, password: str, now: datetime
) -> Iterator[tuple[Connection, User]]:
    with database().writing() as connection:
        throttles.count_failure(connection, attempt, now)
        user = _find_user(connection, attempt.account)
    new_hash = _check(attempt, user, password)
    with database().writing() as connection:
        if user is None:
            raise PasswordWrongError
        try:
            users.lock(connection, user)
        except UserChangedError as error:
            raise PasswordWrongError("the account changed meanwhile") from error
        throttles.take_back(connection, attempt, now)
        throttles.note_known(connection, attempt, user, now)
        if new_hash is not None:
            users.change(connection, user, password_hash=new_hash)
        yield connection, user


def _check(attempt: Attempt, user: User | None, password: str) -> str | None:
    """Check the password, outside any transaction. Return a new hash where the old is outdated."""
    hasher = passwords.hasher()
    try:
        found = hasher.check(None if user is None else user.password_hash, password)
        if user is None or user.disabled:
            raise PasswordWrongError
        return hasher.hash(found) if hasher.is_outdated(user.password_hash) else None
    except HasherBusyError:
        with database().writing() as connection:
            throttles.take_back(connection, attempt, clock.now())
        raise


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
