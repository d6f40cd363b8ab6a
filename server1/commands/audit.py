"""The command that shows the audit log: ``flask --app server1 audit``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import Row, select

from flask_service.commands.command_line import echo_table
from flask_service.database import database
from flask_service.logs import escape
from server1 import clock
from server1.accounts import users
from server1.audit import Event, as_json, audit

from .accounts import plain_refusals

_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_HEADER = ("AT (UTC)", "EVENT", "ACCOUNT", "ADDRESS", "CLIENT", "REQUEST", "DETAIL", "REASON")


def read_since(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> datetime | timedelta | None:
    """Read an age, for example 30m, 12h or 2d, or an ISO 8601 date, in UTC if it does not say.

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
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter where it is in year 1 or 9999
        remedy = "For example: 30m, 12h, 2d, 2026-01-31 or 2026-01-31T12:00."
        raise click.BadParameter(remedy) from None


@click.command("audit")
@click.option("--user", "email", metavar="EMAIL", help="Of the account with this address.")
@click.option("--account", metavar="ID", help="Of the account with this identifier, even deleted.")
@click.option("--request", "request", metavar="ID", help="Of the request of an error page.")
@click.option(
    "--event",
    "events",
    type=click.Choice([event.value for event in Event]),
    metavar="EVENT",
    multiple=True,
    help="Of this kind, for example signed_in; may be repeated.",
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
    query = select(audit, users.users.c.email).join_from(
        audit, users.users, audit.c.subject == users.users.c.subject, isouter=True
    )
    if request is not None:
        query = query.where(audit.c.request_id == request)
    if events:
        query = query.where(audit.c.event.in_(events))
    if since is not None:
        earliest = clock.now() - since if isinstance(since, timedelta) else since
        query = query.where(audit.c.at >= earliest)
    with database().reading() as connection:
        if email is not None:
            account = users.by_email(connection, email).subject
        if account is not None:
            query = query.where(audit.c.subject == account)
        found = connection.execute(query.order_by(audit.c.id.desc()).limit(limit)).all()[::-1]
    if in_json:
        for row in found:
            click.echo(as_json(row.at, row._asdict()))
    elif found:
        echo_table(_HEADER, [_cells(row) for row in found])
    else:
        click.echo("No such event was recorded.")


def _cells(row: Row[Any]) -> Sequence[str]:
    cells = (
        f"{row.at:%Y-%m-%d %H:%M:%S}",
        row.event,
        row.email or row.subject,
        row.address,
        row.client_id,
        row.request_id,
        row.detail,
        row.reason,
    )
    # What stands in the table must not steer the terminal.
    return ["-" if cell is None else escape(cell) for cell in cells]
