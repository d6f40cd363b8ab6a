"""What commands of ``flask --app …`` have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import click
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import ConfigurationError
from flask_service.database.faults import reason_of


@contextmanager
def plain_refusals(*refusals: type[Exception]) -> Iterator[None]:
    """On a command line, turn a refusal into its sentence; elsewhere leave it as it is.

    Args:
        *refusals: What is turned beside a ``ConfigurationError`` and an error of the database.
    """
    try:
        yield
    except (SQLAlchemyError, ConfigurationError, *refusals) as error:  # type: ignore[misc]
        if click.get_current_context(silent=True) is None:
            raise
        if isinstance(error, SQLAlchemyError):
            sentence = f"The database failed ({reason_of(error)})."
            raise click.ClickException(sentence) from error
        raise click.ClickException(str(error)) from error
    except BrokenPipeError:
        raise  # whoever reads the output has seen enough: click ends
    except OSError as error:  # above all a full disk that the output goes to
        if click.get_current_context(silent=True) is None:
            raise
        raise click.ClickException(f"{error}. What was asked for may be done already.") from error
    except UnicodeEncodeError as error:
        # Python reads an octet that is not UTF-8 as half a character, which no database takes.
        if click.get_current_context(silent=True) is None or "surrogates" not in error.reason:
            raise
        raise click.UsageError("Give arguments in UTF-8; one of these is not.") from error


@contextmanager
def plain_start() -> Iterator[None]:
    """Turn a refusal to start into its sentence, on a command line; elsewhere leave it as it is."""
    try:
        with plain_refusals():
            yield
    except click.ClickException as refusal:
        if click.get_current_context().parent is not None:
            raise  # a command has begun, which may end in a way of its own
        # For its help Flask prints the traceback of any other exception.
        refusal.show()
        raise SystemExit(refusal.exit_code) from refusal


def confirm(question: str) -> None:
    """Go on only if somebody says yes; *question* is what they are asked."""
    check_can_ask("--yes")
    click.confirm(question, abort=True)


def check_can_ask(option: str) -> None:
    """Refuse to ask where input or output is closed, and name the option that takes its place."""
    if sys.stdin is None or sys.stdout is None:
        raise click.UsageError(f"Nobody can be asked here. Give {option}.")


def standard_input(most: int = -1) -> bytes:
    """Return what comes on standard input, at most so many bytes of it; none where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read(most)


def echo_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of cells, its columns one below the other."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def to_the_minute(moment: datetime) -> str:
    """Write an instant as a person at a terminal reads it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
