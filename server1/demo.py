"""The demo's account, and the password that the demo's sign-in page shows."""

from __future__ import annotations

import os
import secrets

from flask import Flask

from .accounts.administration import create_account, find_account, replace_password
from .accounts.users import UserUnknownError

DEMO_EMAIL = "ada@example.com"
DEMO_NAME = "Ada"


def choose_password() -> None:
    """Choose a random password when ``DEMO_PASSWORD`` gives none, for this start of the server.

    It goes into the environment, from which the worker processes read their settings.
    """
    if not os.environ.get("DEMO_PASSWORD"):
        os.environ["DEMO_PASSWORD"] = secrets.token_urlsafe(9)


def prepare_account(app: Flask, password: str) -> None:
    """Create the demo account, or give it this start's password.

    Raises:
        PasswordUnusableError: The password may not be used.
    """
    with app.app_context():
        try:
            replace_password(find_account(DEMO_EMAIL), password)
        except UserUnknownError:
            create_account(
                email=DEMO_EMAIL, name=DEMO_NAME, unverified_password=password, email_verified=True
            )
