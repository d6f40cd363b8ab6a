"""The command that shows the audit log: ``flask --app server1 audit``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import ColumnElement, Connection, Row, select

from flask_service.command_line import echo_table
from flask_service.database import database
from flask_service.logs import escape
from server1 import clock
from server1.accounts import users
from server1.audit import Event, as_json, audit

from .accounts import plain_refusals

IN_WORDS: Mapping[Event, str] = {
    Event.SIGNED_IN: "signed in",
    Event.SIGN_IN_FAILED: "sign-in failed",
    Event.SIGN_IN_THROTTLED: "sign-ins throttled",
    Event.SESSION_ENDED: "session ended",
    Event.SIGNED_UP: "signed up",
    Event.VERIFICATION_REQUESTED: "verification requested",
    Event.EMAIL_VERIFIED: "e-mail address verified",
    Event.RESET_REQUESTED: "password reset requested",
    Event.LINK_MAILED: "link mailed",
    Event.PASSWORD_RESET: "password reset",
    Event.PASSWORD_CHANGED: "password changed",
    Event.EMAIL_CHANGE_REQUESTED: "change of e-mail address requested",
    Event.EMAIL_CHANGED: "e-mail address changed",
    Event.NAME_CHANGED: "name changed",
    Event.ACCOUNT_CLOSED: "account closed",
    Event.ACCOUNT_CREATED: "account created",
    Event.ACCOUNT_DISABLED: "account disabled",
    Event.ACCOUNT_ENABLED: "account enabled",
    Event.GRANT_CHANGED: "grant changed",
    Event.HANDOFF_ISSUED: "handed on",
    Event.HANDOFF_REFUSED: "handoff refused",
}

_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


_HEADER = ("AT (UTC)", "EVENT", "ACCOUNT", "ADDRESS", "CLIENT", "REQUEST", "DETAIL")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are shown; None, and no events, stand for all."""

    account: str | None
    request: str | None
    events: Sequence[str]
    since: datetime | None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a row has to fulfil."""
        if self.account is not None:
            yield audit.c.subject == self.account
        if self.request is not None:
            yield audit.c.request_id == self.request
        if self.events:
            yield audit.c.event.in_(self.events)
        if self.since is not None:
            yield audit.c.at >= self.since


def init_app(app: Flask) -> None:
    """Add the command to the application."""
    app.cli.add_command(show_audit)


def read_since(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> datetime | timedelta | None:
    """Read an age, such as 30m, 12h or 2d, or an ISO 8601 date, in UTC if it does not say.

    Raises:
        click.BadParameter: It is neither.
    """
    if value is None:
        return None
    age = _AGE.fullmatch(value)
    if age:
        return int(age["number"]) * _UNITS[age["unit"]]
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        remedy = "For example: 30m, 12h, 2d, 2026-01-31 or 2026-01-31T12:00."
        raise click.BadParameter(remedy) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


@click.command("audit")
@click.option("--user", "email", metavar="EMAIL", help="Of the account with this address.")
@click.option("--account", metavar="ID", help="Of the account with this identifier, closed or not.")
@click.option("--request", "request", metavar="ID", help="Of the request of an error page.")
@click.option(
    "--event",
    "events",
    type=click.Choice([event.value for event in Event]),
    metavar="EVENT",
    multiple=True,
    help="Of this kind, such as signed_in; may be given again for more.",
)
@click.option(
    "--since",
    metavar="AGE|DATE",
    callback=read_since,
    help="Not older than this: 30m, 12h, 2d, or a date and time in UTC.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1_000_000),
    default=100,
    show_default=True,
    help="The newest of them, so many at most.",
)
@click.option("--json", "in_json", is_flag=True, help="A line of JSON each, as in the log.")
@with_appcontext
@plain_refusals()
def show_audit(
    email: str | None,
    account: str | None,
    request: str | None,
    events: Sequence[str],
    since: datetime | timedelta | None,
    limit: int,
    in_json: bool,
) -> None:
    """Show what happened to accounts: the newest last, in UTC."""
    with database().reading() as connection:
        if email is not None:
            account = users.by_email(connection, email).subject
        if isinstance(since, timedelta):
            since = clock.now() - since
        wanted = Wanted(account, request, events, since)
        found = _newest(connection, wanted, limit)
    if in_json:
        for row in found:
            click.echo(as_json(row.at, row._asdict()))
    elif found:
        echo_table(_HEADER, [_cells(row) for row in found])
    else:
        click.echo("Nothing was recorded that fits.")


def _newest(connection: Connection, wanted: Wanted, limit: int) -> Sequence[Row[Any]]:
    query = (
        select(audit, users.users.c.email)
        .join_from(audit, users.users, audit.c.subject == users.users.c.subject, isouter=True)
        .where(*wanted.conditions())
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).all()[::-1]


def _cells(row: Row[Any]) -> Sequence[str]:
    cells = (
        f"{row.at:%Y-%m-%d %H:%M:%S}",
        IN_WORDS.get(row.event, row.event),
        row.email or row.subject,
        row.address,
        row.client_id,
        row.request_id,
        row.detail,
    )
    # Whatever stands in the table, it does not steer the terminal.
    return ["-" if cell is None else escape(cell) for cell in cells]
