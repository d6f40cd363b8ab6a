"""Accounts as an operator or the demo makes them, each step in transactions of its own."""

from __future__ import annotations

from flask_service.database import database
from server1 import audit
from server1.audit import EndReason, Event

from . import links, passwords, revocation, throttles, users
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
    """Create an account. The caller checks the password rules other than its length.

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
            subject_prefix=subject_prefix,
        )
        audit.record(connection, Event.ACCOUNT_CREATED, subject=user.subject)
    return user


def replace_password(user: User, unverified_password: str) -> None:
    """Give an account a password, and end its sessions; if it has that password, do nothing.

    The caller checks the password rules other than its length.

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
            revocation.revoke_all_sessions(connection, user, EndReason.PASSWORD_CHANGED)
