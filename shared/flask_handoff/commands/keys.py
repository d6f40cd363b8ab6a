"""``flask handoff-keys``: the life of the keys that sign handoff tokens."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import NoAppException, ScriptInfo

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError, KeyUnusableError
from flask_handoff.keys import (
    RingEntry,
    SigningKey,
    activate_key,
    add_key,
    find_published_keys,
    new_key,
    read_ring,
    retire_key,
    revoke_keys,
    stage_key,
)
from flask_handoff.redaction import check_path, check_settings, shown

from .key_texts import report_new_key, report_revocation, report_signer, table
from .output import full_disk_told

_KEYS_DIRECTORY = "HANDOFF_KEYS_DIRECTORY"
_FLUSH_FILE = "HANDOFF_JWKS_FLUSH_FILE"
_LONGEST_KEY = 64 * 1024  # bytes

# A kid may begin with a dash, and is no option then.
_TAKES_KIDS = {"ignore_unknown_options": True}


class _PlainRefusals(click.Group):
    """Answers what the library refuses with its text, not with a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            with full_disk_told():
                return super().invoke(ctx)
        except (ConfigurationError, KeyLifeCycleError) as error:
            raise click.ClickException(str(error)) from error


def _setting(context: click.Context, name: str) -> Path | None:
    """Read a path from the application that ``flask --app`` names, else from the environment."""
    script_info = context.ensure_object(ScriptInfo)
    value = None
    try:
        value = script_info.load_app().config.get(name)
    except NoAppException:
        if script_info.app_import_path is not None:
            raise  # an application was named: what is wrong with it matters
    value = value or os.environ.get(name)
    check_settings({name: value})
    return Path(value) if value else None


def _directory(
    context: click.Context, _parameter: click.Parameter, directory: Path | None
) -> Path | None:
    if directory is not None:
        check_path("--directory", directory)
    elif not context.resilient_parsing:
        directory = _setting(context, _KEYS_DIRECTORY)
        if directory is None:
            raise ConfigurationError(
                "It is not said where the keys lie.",
                f"Give --directory, or --app with an application that sets {_KEYS_DIRECTORY}.",
            )
    return directory


_directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    callback=_directory,
    help=f"The directory of the keys.  [default: the application's {_KEYS_DIRECTORY}]",
)
_bits_option = click.option(
    "--bits",
    type=click.Choice(["2048", "3072", "4096"]),
    default="2048",
    show_default=True,
    callback=lambda _context, _parameter, bits: int(bits),
    help="Size of the RSA key. Larger keys make every token, and with it the URL that carries it, "
    "longer and slower to verify.",
)


@click.group("handoff-keys", cls=_PlainRefusals)
def handoff_keys() -> None:
    """Make, rotate and revoke the keys that sign.

    A rotation is: stage, wait, activate, wait, retire. What comes too early is refused, with the
    time that is left. Running issuers follow by themselves.
    """


@handoff_keys.command("new")
@_directory_option
@_bits_option
def _new(directory: Path, bits: int) -> None:
    """Make a key: one that signs, or else a staged one.

    It is active at once, and signs, where no other key is. Else it is staged.
    """
    report_new_key(new_key(directory, bits=bits), directory)


@handoff_keys.command("import")
@click.argument("file", type=click.File("rb"))
@_directory_option
def _import(file: BinaryIO, directory: Path) -> None:
    """Add a key of your own: an RSA private key in PEM, not encrypted, or as a JWK.

    FILE is its path, or - for standard input. It is active at once where no other key is, else
    staged. The file stays where it is: delete it when the key is in the ring.
    """
    try:
        key = SigningKey.from_document(file.read(_LONGEST_KEY))
    except KeyUnusableError as error:
        raise click.ClickException(f"The key cannot be used: {error}.") from None
    report_new_key(add_key(directory, key), directory, done="Added")


@handoff_keys.command("stage")
@_directory_option
@_bits_option
def _stage(directory: Path, bits: int) -> None:
    """Make a key that is published but does not sign yet.

    So every receiver knows it before it signs.
    """
    report_new_key(stage_key(directory, bits=bits), directory)


@handoff_keys.command("activate", context_settings=_TAKES_KIDS)
@click.argument("kid", required=False)
@_directory_option
def _activate(kid: str | None, directory: Path) -> None:
    """Let a staged key sign from now on.

    Without KID: the one that is staged. Refused until every receiver can have seen it.
    """
    if kid is None:
        staged = [entry for entry in read_ring(directory) if entry.state == "staged"]
        kid = _the_only(staged, "staged")
    activate_key(directory, kid)
    report_signer(kid, read_ring(directory), directory)


@handoff_keys.command("retire", context_settings=_TAKES_KIDS)
@click.argument("kid", required=False)
@_directory_option
def _retire(kid: str | None, directory: Path) -> None:
    """Stop publishing a key that does not sign any longer.

    Its private half is deleted; its name and dates stay in the list. Without KID: the one that was
    replaced. Refused until the last token that it signed has expired.
    """
    if kid is None:
        replaced = [entry for entry in read_ring(directory) if entry.is_replaced]
        kid = _the_only(replaced, "active and replaced")
    retire_key(directory, kid)
    click.echo(f"Key {kid} is retired: published no more, its private half deleted.")


@handoff_keys.command("revoke", context_settings=_TAKES_KIDS)
@click.argument("kids", nargs=-1, required=True, metavar="KID...")
@_directory_option
@_bits_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def _revoke(kids: tuple[str, ...], directory: Path, bits: int, yes: bool) -> None:
    """Stop publishing keys at once, in an emergency.

    For keys that somebody may have seen. Another key signs from then on: the staged one that is
    published the longest, else a new one of --bits. If one file of the directory may have been
    seen, all may have been: name every key then.
    """
    revoked = find_published_keys(read_ring(directory), kids)
    if not yes:
        click.echo("\n  ".join(["Tokens signed with these keys are refused from now on:", *kids]))
        if sys.stdin is None or sys.stdout is None:
            raise click.UsageError("Nobody can be asked here. Give --yes.")
        click.confirm("Revoke? This cannot be undone.", abort=True)
    report_revocation(revoked, signer=revoke_keys(directory, kids, bits=bits))


@handoff_keys.command("list")
@_directory_option
def _list(directory: Path) -> None:
    """List the keys, oldest first. Nothing secret is shown.

    Retired and revoked keys are listed as well.
    """
    for line in table(read_ring(directory)):
        click.echo(line)


@handoff_keys.command("flush")
@click.pass_context
def _flush(context: click.Context) -> None:
    """Have a running receiver forget the keys it holds.

    Each of its processes fetches them anew before it accepts the next token: tokens of a revoked
    key are refused at once.
    """
    if pinned := _setting(context, "HANDOFF_PINNED_KEYS"):
        raise ConfigurationError(
            f"The keys are pinned in {shown(pinned)}: nothing is fetched.",
            "Put the new keys there, and start the receiver again.",
        )
    path = _setting(context, _FLUSH_FILE)
    if path is None:
        raise ConfigurationError(
            f"The running processes watch no file: {_FLUSH_FILE} is not set.",
            "Start them again instead; or name the receiver's application with --app.",
        )
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{shown(path)} cannot be written: {error.strerror}.",
            "Start the receiver again instead.",
        ) from None
    click.echo("Every process that watches this file fetches the keys before the next token:")
    click.echo(path)


def _the_only(entries: Sequence[RingEntry], state: str) -> str:
    if len(entries) == 1:
        return entries[0].kid
    if not entries:
        raise KeyLifeCycleError(f"No key is {state}.")
    kids = " ".join(entry.kid for entry in entries)
    raise KeyLifeCycleError(f"More than one key is {state}. Name one of them: {kids}")
