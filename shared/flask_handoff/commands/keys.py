"""``flask handoff-keys``: the life of the keys that sign handoff tokens."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import NoAppException, ScriptInfo

from flask_handoff.claims import system_clock
from flask_handoff.errors import ConfigurationError, KeyLifeCycleError
from flask_handoff.keys import (
    Revocation,
    RingEntry,
    SigningKey,
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
from flask_handoff.redaction import check_path, check_settings, shown

_KEYS_DIRECTORY = "HANDOFF_KEYS_DIRECTORY"
_FLUSH_FILE = "HANDOFF_JWKS_FLUSH_FILE"
_PINNED_KEYS = "HANDOFF_PINNED_KEYS"
_COLUMNS = ("KID", "STATE", "CREATED", "ACTIVATED", "REMARK")
# A kid may begin with a dash, and is no option then.
_TAKES_KIDS = {"ignore_unknown_options": True}


def _checked(
    _context: click.Context, _parameter: click.Parameter, directory: Path | None
) -> Path | None:
    if directory is not None:
        with _plain_refusals():
            check_path("--directory", directory)
    return directory


_directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    callback=_checked,
    help=f"Where the keys lie.  [default: the application's {_KEYS_DIRECTORY}]",
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
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
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
                f"{_date(retirement_allowed_at(entry))} on you may retire it: "
                f"{_command('retire', entry.kid, directory)}"
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
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
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
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
        ring = read_ring(directory)
        for kid in kids:
            check_is_published(find_key(ring, kid))
        if not yes:
            _ask(kids)
        revocation = revoke_keys(directory, kids, bits=int(bits))
    _report(revocation)


@handoff_keys.command("list")
@_directory_option
@click.pass_context
def _list(context: click.Context, directory: Path | None) -> None:
    """List the keys, oldest first. Nothing secret is shown.

    Those that were withdrawn are listed as well.
    """
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
        entries = read_ring(directory)
    rows = [_COLUMNS, *(_row(entry) for entry in entries)]
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
    with _plain_refusals():
        path = _flush_file(context)
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
    make: Callable[..., SigningKey],
) -> None:
    with _plain_refusals():
        directory = directory or _directory_of_the_application(context)
        key = make(directory, bits=int(bits))
    click.echo(f"Made key {key.kid} in {directory}.")
    if key.signs:
        click.echo("It is active: start the issuer, and it signs with this key.")
    else:
        click.echo(
            "It is staged: published beside the one that signs. From "
            f"{_date(activation_allowed_at(key))} on you may activate it: "
            f"{_command('activate', key.kid, directory)}"
        )


def _flush_file(context: click.Context) -> str | os.PathLike[str]:
    pinned = _setting(context, _PINNED_KEYS)
    if pinned:
        raise ConfigurationError(
            f"The keys are pinned in {shown(Path(pinned))}: nothing is fetched.",
            "Put the new keys there, and start the receiver again.",
        )
    path = _setting(context, _FLUSH_FILE)
    if not path:
        raise ConfigurationError(
            f"The running processes watch no file: {_FLUSH_FILE} is not set.",
            "Start them again instead; or name the receiver's application with --app.",
        )
    return path


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


def _report(revocation: Revocation) -> None:
    for entry in revocation.revoked:
        click.echo(f"Key {entry.kid} is revoked: published no more, its private half deleted.")
    if revocation.replaced:
        click.echo(f"Key {revocation.signer.kid} signs from now on.")
        click.echo(
            "A receiver that does not know it yet fetches it when it meets it, at most once in 10 "
            "seconds. Other software than this library may take 5 minutes."
        )
    trusted_since = min(entry.published_at for entry in revocation.revoked)
    click.echo(
        "\nWho is affected:\n"
        "- People on their way to a receiver, for the next minute: they have to start again.\n"
        "- Receivers take tokens of a revoked key until they fetch the keys again: within 5\n"
        "  minutes; at once where you run: flask handoff-keys flush, or start them again. Where\n"
        "  keys are pinned in a file: until you replace that file and start them again.\n"
        f"- Sessions that receivers opened since {_date(trusted_since)}, with tokens of the\n"
        "  revoked keys: if somebody has seen a key, any of them may be forged, and nothing tells\n"
        "  which. End them all.\n"
        "docs/rotate-keys.md says how."
    )


def _row(entry: RingEntry) -> tuple[str, str, str, str, str]:
    dates = _date(entry.created_at), _date(entry.activated_at)
    return entry.kid, entry.state, *dates, _remark(entry, system_clock())


def _remark(entry: RingEntry, now: datetime) -> str:
    if entry.state == "retired":
        return f"retired {_date(entry.retired_at)}"
    if entry.state == "revoked":
        return f"revoked {_date(entry.revoked_at)}"
    if entry.signs:
        return "signs"
    if entry.state == "staged":
        return _may_be("activated", activation_allowed_at(entry), now)
    return _may_be("retired", retirement_allowed_at(entry), now)


def _may_be(what: str, allowed_at: datetime, now: datetime) -> str:
    return f"may be {what}" if now >= allowed_at else f"may be {what} from {_date(allowed_at)}"


def _date(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _command(step: str, kid: str, directory: Path) -> str:
    return f"flask handoff-keys {step} {kid} --directory {shlex.quote(str(directory))}"


@contextmanager
def _plain_refusals() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, KeyLifeCycleError) as error:
        raise click.ClickException(str(error)) from error


def _directory_of_the_application(context: click.Context) -> Path:
    directory = _setting(context, _KEYS_DIRECTORY)
    if not directory:
        raise ConfigurationError(
            "It is not said where the keys lie.",
            f"Give --directory, or --app with an application that sets {_KEYS_DIRECTORY}.",
        )
    return Path(directory)


def _setting(context: click.Context, name: str) -> str | os.PathLike[str] | None:
    value = _setting_of_the_application(context, name) or os.environ.get(name)
    check_settings({name: value})
    return value


def _setting_of_the_application(context: click.Context, name: str) -> str | os.PathLike[str] | None:
    script_info = context.ensure_object(ScriptInfo)
    try:
        return script_info.load_app().config.get(name)
    except NoAppException:
        if script_info.app_import_path is not None:
            raise  # an application was named: what is wrong with it matters
        return None
