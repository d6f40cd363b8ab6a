"""The command line: log-outs that wait to be told, as ``flask --app server1 logouts …``."""

from __future__ import annotations

from functools import partial

import click
from flask import Flask
from flask.cli import AppGroup

from flask_service import command_line
from flask_service.command_line import echo_table
from server1.command_line import next_attempt, to_the_minute
from server1.parts import parts

from . import queue
from .messenger import Outcome, tell_due
from .queue import LogoutUnknownError

logouts_group = AppGroup("logouts", help="See and tell the log-outs that services do not know of.")
plain_refusals = partial(command_line.plain_refusals, LogoutUnknownError)


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(logouts_group)


@logouts_group.command("list")
@plain_refusals()
def list_logouts() -> None:
    """List the log-outs that wait, and those that were given up."""
    with parts().database.reading() as connection:
        found = queue.waiting(connection)
    if not found:
        click.echo("No log-out waits.")
        return
    now = parts().clock()
    echo_table(
        ("LOG-OUT", "CLIENT", "ACCOUNT", "SESSION", "ENDED", "TRIED", "NEXT", "WHY"),
        [
            (
                str(logout.number),
                logout.client_id,
                logout.subject,
                logout.sid or "all",
                to_the_minute(logout.enqueued_at),
                str(logout.attempts),
                next_attempt(logout, now, under_way="being told"),
                logout.last_error or "-",
            )
            for logout in found
        ],
    )


@logouts_group.command("retry")
@click.argument("logout", type=click.IntRange(min=1), nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@plain_refusals()
def retry_logouts(logout: tuple[int, ...], every: bool) -> None:
    """Make each LOGOUT due now, also one that was given up.

    A server that runs tells it within seconds; so does ``logouts send``.
    """
    if bool(logout) == every:
        raise click.UsageError("Give the numbers of log-outs, or --all.")
    now = parts().clock()
    with parts().database.writing() as connection:
        if every:
            due = len(queue.retry_all(connection, now))
        else:
            due = len([queue.retry(connection, number, now) for number in logout])
    click.echo(f"Due now: {_logouts(due)}.")


@logouts_group.command("send")
@plain_refusals()
def send_logouts() -> None:
    """Tell what is due, once: for a timer, where no ``python -m server1`` runs.

    Fails when a service could not be told.
    """
    outcomes = tell_due()
    put_off, given_up = outcomes[Outcome.PUT_OFF], outcomes[Outcome.GIVEN_UP]
    click.echo(f"Told: {_logouts(outcomes[Outcome.TOLD])}.")
    if put_off or given_up:
        raise click.ClickException(
            f"Put off: {_logouts(put_off)}. Given up: {_logouts(given_up)}. "
            "To see why: flask --app server1 logouts list"
        )


def _logouts(number: int) -> str:
    return "1 log-out" if number == 1 else f"{number} log-outs"
