"""The command line: ``flask --app server2 database …`` shows the version and upgrades it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff.errors import ConfigurationError

from .db import SCHEMA, Database, database
from .sessions import end_sessions_of_keys

database_group = AppGroup("database", help="Show the version of the database, or upgrade it.")
sessions_group = AppGroup("sessions", help="End sessions in an emergency.")


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(database_group)
    app.cli.add_command(sessions_group)


def command_to_be_found() -> click.Context | None:
    """Return the context in which ``flask`` builds the application only to find a command in it."""
    context = click.get_current_context(silent=True)
    return context if context is not None and isinstance(context.command, FlaskGroup) else None


@contextmanager
def plain_refusals() -> Iterator[None]:
    """On a command line, turn a refusal into its sentence; elsewhere leave it as it is."""
    try:
        yield
    except (ConfigurationError, SQLAlchemyError) as error:
        if click.get_current_context(silent=True) is None:
            raise
        if isinstance(error, SQLAlchemyError):
            sentence = f"The database is out of reach ({type(error).__name__})."
            raise click.ClickException(sentence) from error
        raise click.ClickException(str(error)) from error


@database_group.command("show")
@plain_refusals()
def show() -> None:
    """Show the version of the database, and the newest one."""
    with closing(_database()) as opened:
        click.echo(f"Current version: {opened.version()}")
    click.echo(f"Newest version:  {SCHEMA.newest}")


@database_group.command("upgrade")
@plain_refusals()
def upgrade() -> None:
    """Bring the database to the newest version, wholly or not at all. Back it up first."""
    with closing(_database()) as opened:
        before = opened.version()
        after = opened.migrate()
    SCHEMA.check(after)
    if before == after:
        click.echo(f"The database is at version {after}, the newest.")
    else:
        click.echo(f"Upgraded the database from version {before} to {after}.")


@sessions_group.command("end")
@click.option(
    "--kid",
    "kids",
    multiple=True,
    required=True,
    metavar="KID",
    help="The key's name, as handoff-keys list shows it. May be given several times.",
)
@plain_refusals()
def end(kids: tuple[str, ...]) -> None:
    """End the sessions of everybody who arrived with a token of these keys.

    For keys that were revoked because somebody may have seen them. Have the running processes
    forget the keys first (handoff-keys flush), or a forged session could be opened after this.
    """
    ended = end_sessions_of_keys(kids)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}.")


def _database() -> Database:
    # Not the application's, which refuses to work at another version.
    return Database(database().url)
