"""The command line: letters that wait, as ``flask --app server1 mail …``."""

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
from .postman import Outcome, deliver_due
from .queue import LetterUnknownError

mail_group = AppGroup("mail", help="See and send the letters that wait.")
plain_refusals = partial(command_line.plain_refusals, LetterUnknownError)


def init_app(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(mail_group)


@mail_group.command("list")
@plain_refusals()
def list_letters() -> None:
    """List the letters that wait, and those that were given up."""
    with parts().database.reading() as connection:
        found = queue.waiting(connection)
    if not found:
        click.echo("No letter waits.")
        return
    now = parts().clock()
    echo_table(
        ("LETTER", "KIND", "TO", "ASKED FOR", "TRIED", "NEXT", "WHY"),
        [
            (
                str(letter.number),
                letter.kind,
                letter.address,
                to_the_minute(letter.enqueued_at),
                str(letter.attempts),
                next_attempt(letter, now, under_way="being sent"),
                letter.last_error or "-",
            )
            for letter in found
        ],
    )


@mail_group.command("retry")
@click.argument("letter", type=click.IntRange(min=1), nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@plain_refusals()
def retry_letters(letter: tuple[int, ...], every: bool) -> None:
    """Make each LETTER due now, also one that was given up.

    A server that runs sends it within seconds; so does ``mail send``.
    """
    if bool(letter) == every:
        raise click.UsageError("Give the numbers of letters, or --all.")
    now = parts().clock()
    with parts().database.writing() as connection:
        if every:
            due = len(queue.retry_all(connection, now))
        else:
            due = len([queue.retry(connection, number, now) for number in letter])
    click.echo(f"Due now: {_letters(due)}.")


@mail_group.command("send")
@plain_refusals()
def send_letters() -> None:
    """Send what is due, once: for a timer, where no ``python -m server1`` runs.

    Fails when a letter could not be sent.
    """
    outcomes = deliver_due()
    put_off = outcomes[Outcome.PUT_OFF] + outcomes[Outcome.OUT_OF_REACH]
    given_up = outcomes[Outcome.GIVEN_UP]
    click.echo(f"Sent: {_letters(outcomes[Outcome.SENT])}.")
    if put_off or given_up:
        raise click.ClickException(
            f"Put off: {_letters(put_off)}. Given up: {_letters(given_up)}. "
            "To see why: flask --app server1 mail list"
        )


def _letters(number: int) -> str:
    return "1 letter" if number == 1 else f"{number} letters"
