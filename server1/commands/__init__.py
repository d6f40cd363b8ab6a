"""Commands of ``flask --app server1``, for operators."""

from __future__ import annotations

from flask import Flask

from server1.config import Config

from . import (
    check,
    people,  # noqa: F401 - adds to the group users
)
from .accounts import grants_group, users_group
from .audit import show_audit
from .clients import clients_group
from .revoke import revoke, sessions_group


def init_app(app: Flask, config: Config) -> None:
    """Add the commands to the application, and what its check looks at."""
    check.init_app(app, config)
    for command in (users_group, grants_group, clients_group, revoke, sessions_group, show_audit):
        app.cli.add_command(command)
