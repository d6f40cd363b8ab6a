"""``flask handoff-keys``: make and list the keys that sign handoff tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
from flask.cli import NoAppException, ScriptInfo

from .errors import ConfigurationError
from .keys import RingEntry, new_key, read_ring

_SETTING = "HANDOFF_KEYS_DIRECTORY"
_COLUMNS = ("KID", "STATE", "CREATED", "ACTIVATED")
_NEXT_STEP = {
    "active": "It is active: start the issuer, again if it runs, and it signs with this key.",
    "staged": "It is staged: start the issuer again, and it publishes this key beside the active "
    "one, which goes on signing.",
}

_directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help=f"Where the keys lie.  [default: the application's {_SETTING}]",
)


@click.group("handoff-keys")
def handoff_keys() -> None:
    """Make and list the keys that sign handoff tokens."""


@handoff_keys.command("new")
@_directory_option
@click.option(
    "--bits",
    type=click.Choice(["2048", "3072", "4096"]),
    default="2048",
    show_default=True,
    help="Size of the RSA key. Larger keys make every token, and with it the URL that carries it, "
    "longer and slower to verify.",
)
@click.pass_context
def _new(context: click.Context, directory: Path | None, bits: str) -> None:
    """Make a key.

    The first key of a directory is active at once: it signs. A later one is staged: it is
    published, so that receivers know it before it signs.
    """
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
        key = new_key(directory, bits=int(bits))
    click.echo(f"Made key {key.kid} in {directory}.")
    click.echo(_NEXT_STEP[key.state])


@handoff_keys.command("list")
@_directory_option
@click.pass_context
def _list(context: click.Context, directory: Path | None) -> None:
    """List the keys, oldest first. Nothing secret is shown."""
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
        entries = read_ring(directory)
    rows = [_COLUMNS, *(_row(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _row(entry: RingEntry) -> tuple[str, str, str, str]:
    return entry.kid, entry.state, _date(entry.created_at), _date(entry.activated_at)


def _date(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def _plain_refusals() -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _directory_of_the_application(context: click.Context) -> Path:
    directory = _setting_of_the_application(context) or os.environ.get(_SETTING)
    if not directory:
        raise ConfigurationError(
            "It is not said where the keys lie.",
            f"Give --directory, or --app with an application that sets {_SETTING}.",
        )
    return Path(directory)


def _setting_of_the_application(context: click.Context) -> str | None:
    script_info = context.ensure_object(ScriptInfo)
    try:
        return script_info.load_app().config.get(_SETTING)
    except NoAppException:
        if script_info.app_import_path is not None:
            raise  # an application was named: what is wrong with it matters
        return None
