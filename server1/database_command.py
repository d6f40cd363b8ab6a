"""The command line: ``flask --app server1 database …`` shows the version and upgrades it."""

from __future__ import annotations

from contextlib import closing

import click
from flask import Flask
from flask.cli import AppGroup

from .cli import plain_refusals
from .db import SCHEMA, Database
from .parts import parts

database_group = AppGroup("database", help="Show the version of the database, or upgrade it.")


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(database_group)


@database_group.command("show")
@plain_refusals()
def show() -> None:
    """Show the version of the database, and the newest one."""
    with closing(_database()) as database:
        click.echo(f"Current version: {database.version()}")
    click.echo(f"Newest version:  {SCHEMA.newest}")


@database_group.command("upgrade")
@plain_refusals()
def upgrade() -> None:
    """Bring the database to the newest version, wholly or not at all. Back it up first."""
    with closing(_database()) as database:
        before = database.version()
        after = database.migrate()
    SCHEMA.check(after)
    if before == after:
        click.echo(f"The database is at version {after}, the newest.")
    else:
        click.echo(f"Upgraded the database from version {before} to {after}.")


def _database() -> Database:
    # Not the application's, which refuses to work at another version.
    return Database(parts().config.database_url)
