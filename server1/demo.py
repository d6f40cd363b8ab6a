"""The demo's account and signing key, and the password that the demo's sign-in page shows."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from flask import Flask

from flask_handoff import ConfigurationError
from flask_handoff.keys import new_key, ring_exists
from flask_service.database import database

from .accounts import users
from .accounts.administration import create_account, replace_password
from .accounts.users import UserUnknownError
from .config import Config

DEMO_EMAIL = "ada@example.com"
DEMO_NAME = "Ada"

# In the database, so that it goes wherever the account goes. No other subject has a dot in it.
_OWN_SUBJECT = "demo."


def make_first_signing_key(config: Config) -> None:
    """Make a signing key in the demo when there is none; elsewhere an operator makes it.

    Raises:
        ConfigurationError: The key cannot be written.
    """
    directory = Path(str(config.handoff["HANDOFF_KEYS_DIRECTORY"]))
    if config.demo and not ring_exists(directory):
        new_key(directory)


def choose_password() -> None:
    """Choose a random password when ``DEMO_PASSWORD`` gives none, for this start of the server.

    It goes into the environment, from which the worker processes read their settings.
    """
    if not os.environ.get("DEMO_PASSWORD"):
        os.environ["DEMO_PASSWORD"] = secrets.token_urlsafe(9)


def prepare_account(app: Flask, password: str) -> None:
    """Create the demo account, or give it this start's password; leave all other accounts alone.

    An account that is no longer under ``ada@example.com`` belongs to the person who moved it.

    Raises:
        ConfigurationError: Another account has that address.
        PasswordUnusableError: The password may not be used.
    """
    with app.app_context():
        try:
            with database().reading() as connection:
                user = users.by_email(connection, DEMO_EMAIL)
        except UserUnknownError:
            create_account(
                email=DEMO_EMAIL,
                name=DEMO_NAME,
                unverified_password=password,
                email_verified=True,
                subject_prefix=_OWN_SUBJECT,
            )
            return
        if not user.subject.startswith(_OWN_SUBJECT):
            raise ConfigurationError(
                f"The account {DEMO_EMAIL} was not made by the demo, which would give it another"
                " password.",
                "Leave SERVER1_DEMO out, or give the demo a directory of its own with"
                " SERVER1_INSTANCE.",
            )
        replace_password(user, password)
