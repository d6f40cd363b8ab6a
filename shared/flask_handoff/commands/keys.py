"""``flask handoff-keys``: the life of the keys that sign handoff tokens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError
from flask_handoff.keys import (
    RingEntry,
    activate_key,
    activation_allowed_at,
    check_is_published,
    find_key,
    new_key,
    read_ring,
    retire_key,
    retirement_allowed_at,
    revoke_keys,
    stage_key,
)
from flask_handoff.redaction import check_path, shown

from .application_settings import (
    KEYS_DIRECTORY,
    directory_of_the_application,
    flush_file,
    plain_refusals,
)
from .key_texts import COLUMNS, key_row, next_command, report_revocation, utc

# A kid may begin with a dash, and is no option then.
_TAKES_KIDS = {"ignore_unknown_options": True}


def _checked(
    _context: click.Context, _parameter: click.Parameter, directory: Path | None
) -> Path | None:
    if directory is not None:
        with plain_refusals():
            check_path("--directory", directory)
    return directory


_directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    callback=_checked,
    help=f"Where the keys lie.  [default: the application's {KEYS_DIRECTORY}]",
)
_bits_option = click.option(
    "--bits",
    type=click.Choice(["2048", "3072", "4096"]),
    default="2048",
    show_default=True,
    help="Size of the RSA key. Larger keys make every token, and with it the URL that carries it, "
    "longer and slower to verify.",
)


@click.group("handoff-keys")
def handoff_keys() -> None:
    """Make, rotate and withdraw the keys that sign handoff tokens.

    A rotation is: stage, wait, activate, wait, retire. What comes too early is refused, with the
    time that is left. Running issuers follow by themselves.
    """


@handoff_keys.command("new")
@_directory_option
@_bits_option
@click.pass_context
def _new(context: click.Context, directory: Path | None, bits: str) -> None:
    """Make a key: one that signs, or else a staged one.

    It is active at once, and signs, where no other key is. Else it is staged.
    """
    _make(context, directory, bits, new_key)


@handoff_keys.command("stage")
@_directory_option
@_bits_option
@click.pass_context
def _stage(context: click.Context, directory: Path | None, bits: str) -> None:
    """Make a key that is published but does not sign yet.

    So every receiver knows it before it signs.
    """
    _make(context, directory, bits, stage_key)


@handoff_keys.command("activate", context_settings=_TAKES_KIDS)
@click.argument("kid", required=False)
@_directory_option
@click.pass_context
def _activate(context: click.Context, kid: str | None, directory: Path | None) -> None:
    """Let a staged key sign from now on.

    Without KID: the one that is staged. Refused until every receiver can have seen it.
    """
    with plain_refusals():
        directory = directory or directory_of_the_application(context)
        ring = read_ring(directory)
        if kid is None:
            kid = _the_only([entry for entry in ring if entry.state == "staged"], "staged")
        activate_key(directory, kid)
        ring = read_ring(directory)
    click.echo(f"Key {kid} signs: in every running issuer within seconds.")
    for entry in ring:
        if entry.state == "active" and not entry.signs:
            click.echo(
                f"Key {entry.kid} stays published for its last tokens. From "
                f"{utc(retirement_allowed_at(entry))} on you may retire it: "
                f"{next_command('retire', entry.kid, directory)}"
            )


@handoff_keys.command("retire", context_settings=_TAKES_KIDS)
@click.argument("kid", required=False)
@_directory_option
@click.pass_context
def _retire(context: click.Context, kid: str | None, directory: Path | None) -> None:
    """Withdraw a key that signs no more.

    Its private half is deleted; its name and dates stay in the list. Without KID: the one that was
    replaced. Refused until the last token it signed is dead.
    """
    with plain_refusals():
        directory = directory or directory_of_the_application(context)
        if kid is None:
            replaced = [entry for entry in read_ring(directory) if _is_replaced(entry)]
            kid = _the_only(replaced, "active and replaced")
        retire_key(directory, kid)
    click.echo(f"Key {kid} is retired: published no more, its private half deleted.")


@handoff_keys.command("revoke", context_settings=_TAKES_KIDS)
@click.argument("kids", nargs=-1, required=True, metavar="KID...")
@_directory_option
@_bits_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def _revoke(
    context: click.Context, kids: tuple[str, ...], directory: Path | None, bits: str, yes: bool
) -> None:
    """Withdraw keys at once, in an emergency.

    For keys that somebody may have seen. Another key signs from then on: the staged one that is
    published the longest, else a new one of --bits. Who has seen one file of the directory may have
    seen them all: name every key then.
    """
    with plain_refusals():
        directory = directory or directory_of_the_application(context)
        ring = read_ring(directory)
        for kid in kids:
            check_is_published(find_key(ring, kid))
        if not yes:
            _ask(kids)
        revocation = revoke_keys(directory, kids, bits=int(bits))
    report_revocation(revocation)


@handoff_keys.command("list")
@_directory_option
@click.pass_context
def _list(context: click.Context, directory: Path | None) -> None:
    """List the keys, oldest first. Nothing secret is shown.

    Those that were withdrawn are listed as well.
    """
    with plain_refusals():
        directory = directory or directory_of_the_application(context)
        entries = read_ring(directory)
    rows = [COLUMNS, *(key_row(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


@handoff_keys.command("flush")
@click.pass_context
def _flush(context: click.Context) -> None:
    """Have a running receiver forget the keys it holds.

    Each of its processes fetches them anew before it accepts the next token: a revoked key dies at
    once.
    """
    with plain_refusals():
        path = flush_file(context)
        try:
            Path(path).touch(mode=0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{shown(Path(path))} cannot be written: {error.strerror}.",
                "Start the receiver again instead.",
            ) from None
    click.echo("Every process that watches this file fetches the keys before the next token:")
    click.echo(os.fspath(path))


def _make(
    context: click.Context,
    directory: Path | None,
    bits: str,
    make: Callable[..., RingEntry],
) -> None:
    with plain_refusals():
        directory = directory or directory_of_the_application(context)
        key = make(directory, bits=int(bits))
    click.echo(f"Made key {key.kid} in {directory}.")
    if key.signs:
        click.echo("It is active: start the issuer, and it signs with this key.")
    else:
        click.echo(
            "It is staged: published beside the one that signs. From "
            f"{utc(activation_allowed_at(key))} on you may activate it: "
            f"{next_command('activate', key.kid, directory)}"
        )


def _the_only(entries: Sequence[RingEntry], state: str) -> str:
    if len(entries) == 1:
        return entries[0].kid
    if not entries:
        raise KeyLifeCycleError(f"No key is {state}.")
    kids = " ".join(entry.kid for entry in entries)
    raise KeyLifeCycleError(f"More than one key is {state}. Name one of them: {kids}")


def _is_replaced(entry: RingEntry) -> bool:
    return entry.state == "active" and not entry.signs


def _ask(kids: Sequence[str]) -> None:
    click.echo("Tokens signed with these keys are refused from now on:")
    for kid in kids:
        click.echo(f"  {kid}")
    click.confirm("Revoke? This cannot be undone.", abort=True)
