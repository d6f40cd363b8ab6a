"""The command line: ``flask --app … database …`` shows the version and upgrades it."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from flask_handoff import ConfigurationError, add_check
from flask_service.database import database, database_of
from flask_service.database.schema import DatabaseVersionError

from .command_line import plain_refusals

database_group = AppGroup("database", help="Show the version of the database, or upgrade it.")


def init_app(app: Flask, *, upgrade: bool) -> None:
    """Prepare the database of *app*, and add the commands about its version.

    Args:
        app: One with a database.
        upgrade: Whether an older database is upgraded when the server starts, or refused.

    Raises:
        DatabaseVersionError: It is at another version.
        ConfigurationError: It is out of reach, or an upgrade failed.
    """
    app.cli.add_command(database_group)
    add_check(app, "database", _check_version)
    database = database_of(app)
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, FlaskGroup):
        database.prepare(upgrade=upgrade)
        return
    # `flask` builds the application only to find a command in it.
    context.call_on_close(database.close)
    try:
        database.prepare()
    except DatabaseVersionError as refusal:
        # `database upgrade` has to be found all the same; no other command gets any further.
        database.refuse(refusal)


def _check_version() -> str:
    version = database().version()
    if version is None:
        raise ConfigurationError("It is empty.", "Start the server once, which makes its tables.")
    database().schema.check(version)
    return f"It is at version {version}, the newest."


@database_group.command("show")
@plain_refusals()
def show() -> None:
    """Show the version of the database, and the newest one."""
    click.echo(f"Current version: {database().version()}")
    click.echo(f"Newest version:  {database().schema.newest}")


@database_group.command("upgrade")
@plain_refusals()
def upgrade() -> None:
    """Bring the database to the newest version, wholly or not at all. Back it up first."""
    before = database().version()
    after = database().migrate()
    database().schema.check(after)
    if before == after:
        click.echo(f"The database is at version {after}, the newest.")
    else:
        click.echo(f"Upgraded the database from version {before} to {after}.")
