"""The command line: ``flask --app server2 sessions …`` ends sessions in an emergency."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from flask_handoff import add_check
from flask_service.command_line import plain_refusals

from .sessions import end_sessions_of_keys

sessions_group = AppGroup("sessions", help="End sessions in an emergency.")


def init_app(app: Flask, *, demo: bool) -> None:
    """Add the commands to the application, and what its check looks at."""
    app.cli.add_command(sessions_group)
    if demo:
        add_check(app, "demo mode", _warn_of_demo)


def _warn_of_demo() -> None:
    raise UserWarning(
        "SERVER2_DEMO is on, for a trial on one machine: tokens come in addresses by default, and "
        "an older database is upgraded at the start."
    )


@sessions_group.command("end")
@click.option(
    "--kid",
    "kids",
    multiple=True,
    metavar="KID",
    help="The key's name, as handoff-keys list shows it. May be given several times.",
)
@click.option("--all", "everybody", is_flag=True, help="Everybody's: after a backup was restored.")
@plain_refusals()
def end(kids: tuple[str, ...], everybody: bool) -> None:
    """End the sessions of everybody who arrived with a token of these keys, or of everybody.

    For keys that were revoked because somebody may have seen them. Have the running processes
    forget the keys first (handoff-keys flush), or a forged session could be opened after this.
    """
    if bool(kids) == everybody:
        raise click.UsageError("Give --kid or --all.")
    ended = end_sessions_of_keys(None if everybody else kids)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}.")
