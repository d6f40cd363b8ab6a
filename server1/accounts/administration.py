"""What an operator does with accounts, each step with its own transactions."""

from __future__ import annotations

from collections.abc import Iterable

from flask_service.database import database
from server1 import audit, clock
from server1.audit import Event

from . import grants, links, passwords, revocation, throttles, users
from .mail_links import Purpose
from .password_rules import check_length
from .passwords import PasswordWrongError
from .users import User


def create_account(
    *,
    email: str,
    name: str,
    unverified_password: str,
    email_verified: bool,
    subject_prefix: str = "",
) -> User:
    """Create an account. What the password rules say beside its length is for the caller to ask.

    Raises:
        PasswordUnusableError, EmailAddressError, UserNameError: One of them cannot be used.
        UserExistsError: There is an account with this address.
        HasherBusyError: The password could not be hashed in time.
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
    """
    password_hash = passwords.hasher().hash(check_length(unverified_password))
    with database().writing() as connection:
        user = users.create(
            connection,
            email=email,
            name=name,
            password_hash=password_hash,
            email_verified=email_verified,
            now=clock.now(),
            subject_prefix=subject_prefix,
        )
        audit.record(connection, Event.ACCOUNT_CREATED, subject=user.subject)
    return user


def find_account(email: str) -> User:
    """Find an account by its address.

    Raises:
        UserUnknownError: There is none.
        EmailAddressError: The text is no address.
    """
    with database().reading() as connection:
        return users.by_email(connection, email)


def replace_password(user: User, unverified_password: str) -> None:
    """Give an account a password, and end its sessions; if it has that password, do nothing.

    What the password rules say beside its length is for the caller to ask.

    Raises:
        PasswordUnusableError: The password may not be used.
        HasherBusyError: The password could not be hashed in time.
    """
    password = check_length(unverified_password)
    hasher = passwords.hasher()
    try:
        hasher.check(user.password_hash, password)
    except PasswordWrongError:
        password_hash = hasher.hash(password)
        with database().writing() as connection:
            users.change(connection, user, password_hash=password_hash)
            # An intruder may hold a link, or have signed in from an address that is known now.
            links.revoke(connection, user, Purpose)
            throttles.forget_known(connection, user)
            audit.record(connection, Event.PASSWORD_CHANGED, subject=user.subject)
            revocation.revoke_all_sessions(connection, user)


def set_disabled(email: str, disabled: bool) -> User:
    """Disable an account, which ends its sessions, or enable it. Return it as it was before.

    Raises:
        UserUnknownError: There is none.
        EmailAddressError: The text is no address.
    """
    with database().writing() as connection:
        user = users.by_email(connection, email)
        users.change(connection, user, disabled=disabled)
        if user.disabled != disabled:
            event = Event.ACCOUNT_DISABLED if disabled else Event.ACCOUNT_ENABLED
            audit.record(connection, event, subject=user.subject)
        if disabled:
            links.revoke(connection, user, Purpose)
            revocation.revoke_all_sessions(connection, user)
    return user


def change_grant(
    email: str, client_id: str, unverified_scope: Iterable[str] | None
) -> tuple[User, frozenset[str]]:
    """Set what a user may do at a client, see ``grants.set_grant``. Return both.

    Raises:
        UserUnknownError, EmailAddressError: There is no such account.
        ScopeError: A value is not of its form, or they are too long.
    """
    with database().writing() as connection:
        user = users.by_email(connection, email)
        before = grants.scope_of(connection, user.subject, client_id)
        scope = grants.set_grant(connection, user, client_id, unverified_scope)
        if scope != before:
            audit.record(
                connection,
                Event.GRANT_CHANGED,
                subject=user.subject,
                client_id=client_id,
                detail=f"scope {' '.join(sorted(scope))}" if scope else "no access",
            )
    return user, scope
