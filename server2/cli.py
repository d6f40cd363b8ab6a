"""The command line: ``flask --app server2 sessions …`` and ``… accounts …``."""

from __future__ import annotations

import json

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from flask_handoff import add_check
from flask_service.commands.command_line import confirm, plain_refusals
from flask_service.database import database

from .personal_data import AccountUnknownError, delete_account, personal_data
from .sessions import end_sessions_of_keys

sessions_group = AppGroup("sessions", help="End sessions in an emergency.")
accounts_group = AppGroup("accounts", help="What you owe the people who have arrived here.")


def init_app(app: Flask, *, demo: bool) -> None:
    """Add the commands to the application, and what its check looks at."""
    app.cli.add_command(sessions_group)
    app.cli.add_command(accounts_group)
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


# A subject may begin with a dash, and is no option then.
@accounts_group.command("export", context_settings={"ignore_unknown_options": True})
@click.argument("subject")
@plain_refusals(AccountUnknownError)
def export_account(subject: str) -> None:
    """Print what is kept about the person whom the issuer calls SUBJECT, as JSON, for them alone.

    SERVER1's `users export` and `users delete` show the SUBJECT.
    """
    with database().reading() as connection:
        held = personal_data(connection, current_app.config["HANDOFF_ISSUER"], subject)
    click.echo(json.dumps(held, indent=2, ensure_ascii=False))


@accounts_group.command("delete", context_settings={"ignore_unknown_options": True})
@click.argument("subject")
@click.option("--yes", is_flag=True, help="Do not ask.")
@plain_refusals(AccountUnknownError)
def delete(subject: str, yes: bool) -> None:
    """Delete the account of the person whom the issuer calls SUBJECT, with notes and sessions."""
    if not yes:
        confirm(f"Delete the account of {subject} and its notes for good?")
    with database().writing() as connection:
        delete_account(connection, current_app.config["HANDOFF_ISSUER"], subject)
    click.echo(f"Deleted the account of {subject}, its notes and its sessions.")
