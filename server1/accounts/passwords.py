"""Passwords: how they are kept and compared (Argon2id)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple, cast

import argon2
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str
from flask import Flask, current_app

from flask_service.human_text import trimmed

from .turns import LONGEST_WAIT, HasherBusyError, Turns

LONGEST_PASSWORD = 1024  # bytes of UTF-8
TIME_COST, PARALLELISM = 3, 4  # RFC 9106, section 4: for 64 MiB
LEAST_POSSIBLE_KIB = 8 * PARALLELISM  # RFC 9106, section 3.1

_OUT_OF_MEMORY = error_to_str(-22)  # ARGON2_MEMORY_ALLOCATION_ERROR of the C library

_EXTENSION = "server1.accounts.hasher"


class PasswordUnusableError(ValueError):
    """The password may not be used; the message may be shown."""


class PasswordWrongError(Exception):
    """The password is not the account's, or there is no such account."""


def check_password(unverified_password: str) -> str:
    """Return a password that can be compared at all.

    Raises:
        PasswordUnusableError: Longer than 1,024 bytes, or not Unicode text.
    """
    try:
        length = len(unverified_password.encode("utf-8"))
    except UnicodeEncodeError:
        raise PasswordUnusableError(
            "The password contains characters that are not Unicode text."
        ) from None
    if length > LONGEST_PASSWORD:
        raise PasswordUnusableError(f"A password has at most {LONGEST_PASSWORD} bytes.")
    return unverified_password


class HashingConfig(NamedTuple):
    """What one password hash costs in memory, and how many may be computed at once.

    Args:
        strangers: How many sign-ins from unknown addresses may be under way at once.
    """

    memory_kib: int
    concurrent: int
    strangers: int = 30


class PasswordHasher:
    """Hashes and compares, a few at a time: each takes 64 MiB, and more would end the server.

    A password is hashed in Unicode's form NFC: keyboards write one é in two ways.

    Args:
        config: What a hash costs, and how many are computed at once.
        longest_wait: How long a request waits for its turn.
    """

    def __init__(self, config: HashingConfig, longest_wait: timedelta = LONGEST_WAIT) -> None:
        self._argon2 = argon2.PasswordHasher(TIME_COST, config.memory_kib, PARALLELISM)
        self.turns = Turns(config.concurrent, config.strangers, longest_wait)
        # Compared with when there is no account, so that both answers take the same time.
        self._dummy_hash = self._argon2.hash("nobody's password")

    def hash(self, password: str, *, known: bool = False) -> str:
        """Hash a password that is allowed by the password rules.

        Args:
            known: Whether it is for somebody whom the turns prefer.

        Raises:
            HasherBusyError: No turn came in time, or memory is short.
        """
        with self.turns.admitted(known=known), self.turns.comparing(known=known):
            try:
                return self._argon2.hash(unicodedata.normalize("NFC", password))
            except HashingError as error:
                raise HasherBusyError("no memory to hash a password") from error

    def check(self, password_hash: str | None, password: str, *, known: bool = False) -> str:
        """Compare a password with an account's hash; for None with a dummy, at the same cost.

        Where what was typed is not the password, it may be so without the blanks around it.

        Args:
            known: As for ``hash``.

        Returns:
            The password as it is hashed.

        Raises:
            PasswordWrongError: It is another password, or *password_hash* is None.
            HasherBusyError: No turn came in time, or memory is short.
        """
        stored_hash = self._dummy_hash if password_hash is None else password_hash
        with self.turns.comparing(known=known):
            found = next((one for one in _readings(password) if self._fits(stored_hash, one)), None)
        if found is None or password_hash is None:
            raise PasswordWrongError
        return found

    def _fits(self, stored_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored_hash, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            if str(error) == _OUT_OF_MEMORY:
                raise HasherBusyError("no memory to compare a password") from error
            raise PasswordWrongError("the stored hash cannot be read") from error

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether a hash was made at another cost than is configured now."""
        return self._argon2.check_needs_rehash(password_hash)


def _readings(password: str) -> Iterable[str]:
    # How many there are depends on what was typed alone: the time tells nothing of the account.
    composed = unicodedata.normalize("NFC", password)
    readings = dict.fromkeys((composed, password, trimmed(composed)))
    return [reading for reading in readings if reading]


def init_app(app: Flask, config: HashingConfig) -> None:
    """Have the application's passwords hashed at this cost."""
    app.extensions[_EXTENSION] = PasswordHasher(config)


def hasher() -> PasswordHasher:
    """Return the current application's hasher, one for all its requests."""
    return cast(PasswordHasher, current_app.extensions[_EXTENSION])
