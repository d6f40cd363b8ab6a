"""What ``flask handoff-keys`` says of keys."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from flask_handoff.claims import system_clock
from flask_handoff.keys import (
    RingEntry,
    activation_allowed_at,
    retirement_allowed_at,
    utc,
)


def report_new_key(key: RingEntry, directory: Path, *, done: str = "Made") -> None:
    """Say what was done, and what to do with the key."""
    click.echo(f"{done} key {key.kid} in {directory}.")
    if key.signs:
        click.echo("It is active: start the issuer, and it signs with this key.")
    else:
        click.echo(
            "It is staged: published beside the one that signs. From "
            f"{utc(activation_allowed_at(key))} on you may activate it: "
            + _command("activate", key.kid, directory)
        )


def report_signer(kid: str, ring: Sequence[RingEntry], directory: Path) -> None:
    """Say which key signs, and when those that it replaces may go."""
    click.echo(f"Key {kid} signs: in every running issuer within seconds.")
    for entry in ring:
        if entry.is_replaced:
            click.echo(
                f"Key {entry.kid} stays published for its last tokens. From "
                f"{utc(retirement_allowed_at(entry))} on you may retire it: "
                + _command("retire", entry.kid, directory)
            )


def report_revocation(revoked: Sequence[RingEntry], *, signer: RingEntry) -> None:
    """Say what a revocation did to keys, given as they were before it, and who is affected."""
    for entry in revoked:
        click.echo(f"Key {entry.kid} is revoked: published no more, its private half deleted.")
    if any(entry.signs for entry in revoked):
        click.echo(f"Key {signer.kid} signs from now on.")
        click.echo(
            "A receiver that does not know it yet fetches it when it meets it, at most once in 10 "
            "seconds. Other software than this library may take 5 minutes."
        )
    trusted_since = min(entry.created_at for entry in revoked)
    click.echo(
        "\nWho is affected:\n"
        "- People on their way to a receiver, for the next minute: they have to start again.\n"
        "- Receivers take tokens of a revoked key until they fetch the keys again: within 5\n"
        "  minutes; at once where you run: flask handoff-keys flush, or start them again. Where\n"
        "  keys are pinned in a file: until you replace that file and start them again.\n"
        f"- Sessions that receivers opened since {utc(trusted_since)}, with tokens of the\n"
        "  revoked keys: if somebody has seen a key, any of them may be forged, and nothing tells\n"
        "  which. End them all."
    )


def table(ring: Sequence[RingEntry]) -> Iterator[str]:
    """Write the list of keys, with what may be done from when."""
    now = system_clock()
    rows = [("KID", "STATE", "CREATED", "ACTIVATED", "REMARK")]
    for entry in ring:
        activated = utc(entry.activated_at) if entry.activated_at else "-"
        rows.append((entry.kid, entry.state, utc(entry.created_at), activated, _remark(entry, now)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _remark(entry: RingEntry, now: datetime) -> str:
    if entry.removed_at is not None:
        return f"{entry.state} {utc(entry.removed_at)}"
    if entry.signs:
        return "signs"
    if entry.is_replaced:
        return _may_be("retired", retirement_allowed_at(entry), now)
    return _may_be("activated", activation_allowed_at(entry), now)


def _may_be(what: str, allowed_at: datetime, now: datetime) -> str:
    return f"may be {what}" if now >= allowed_at else f"may be {what} from {utc(allowed_at)}"


def _command(step: str, kid: str, directory: Path) -> str:
    return f"flask handoff-keys {step} {kid} --directory {shlex.quote(str(directory))}"
