"""What an operator does with accounts, each step with its own transactions."""

from __future__ import annotations

from server1.parts import parts

from . import sessions, users
from .password_rules import check_length
from .passwords import PasswordWrongError
from .users import User


def create_account(
    *, email: str, name: str, unverified_password: str, email_verified: bool
) -> User:
    """Create an account. What the password rules say beside its length is for the caller to ask.

    Raises:
        PasswordUnusableError, EmailAddressError, UserNameError: One of them cannot be used.
        UserExistsError: There is an account with this address.
        HasherBusyError: The password could not be hashed in time.
        sqlalchemy.exc.SQLAlchemyError: The database is out of reach.
    """
    password_hash = parts().hasher.hash(check_length(unverified_password))
    with parts().database.writing() as connection:
        return users.create(
            connection,
            email=email,
            name=name,
            password_hash=password_hash,
            email_verified=email_verified,
            now=parts().clock(),
        )


def find_account(email: str) -> User:
    """Find an account by its address.

    Raises:
        UserUnknownError: There is none.
        EmailAddressError: The text is no address.
    """
    with parts().database.reading() as connection:
        return users.by_email(connection, email)


def replace_password(user: User, unverified_password: str) -> None:
    """Give an account a password, and end its sessions; if it has that password, do nothing.

    What the password rules say beside its length is for the caller to ask.

    Raises:
        PasswordUnusableError: The password may not be used.
        HasherBusyError: The password could not be hashed in time.
    """
    password = check_length(unverified_password)
    hasher = parts().hasher
    try:
        hasher.check(user.password_hash, password)
    except PasswordWrongError:
        password_hash = hasher.hash(password)
        with parts().database.writing() as connection:
            users.set_password_hash(connection, user, password_hash)
            sessions.close_all_sessions(connection, user)
