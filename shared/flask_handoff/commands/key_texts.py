"""What ``flask handoff-keys`` says of keys."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from flask_handoff.claims import system_clock
from flask_handoff.keys import (
    Revocation,
    RingEntry,
    activation_allowed_at,
    retirement_allowed_at,
)

COLUMNS = ("KID", "STATE", "CREATED", "ACTIVATED", "REMARK")


def report_revocation(revocation: Revocation) -> None:
    """Say what a revocation did, and who is affected."""
    for entry in revocation.revoked:
        click.echo(f"Key {entry.kid} is revoked: published no more, its private half deleted.")
    if revocation.replaced:
        click.echo(f"Key {revocation.signer.kid} signs from now on.")
        click.echo(
            "A receiver that does not know it yet fetches it when it meets it, at most once in 10 "
            "seconds. Other software than this library may take 5 minutes."
        )
    trusted_since = min(entry.created_at for entry in revocation.revoked)
    click.echo(
        "\nWho is affected:\n"
        "- People on their way to a receiver, for the next minute: they have to start again.\n"
        "- Receivers take tokens of a revoked key until they fetch the keys again: within 5\n"
        "  minutes; at once where you run: flask handoff-keys flush, or start them again. Where\n"
        "  keys are pinned in a file: until you replace that file and start them again.\n"
        f"- Sessions that receivers opened since {utc(trusted_since)}, with tokens of the\n"
        "  revoked keys: if somebody has seen a key, any of them may be forged, and nothing tells\n"
        "  which. End them all.\n"
        "docs/rotate-keys.md says how."
    )


def key_row(entry: RingEntry) -> tuple[str, str, str, str, str]:
    """Write one row of the list."""
    dates = utc(entry.created_at), utc(entry.activated_at)
    return entry.kid, entry.state, *dates, _remark(entry, system_clock())


def utc(instant: datetime | None) -> str:
    """Write an instant; a dash for none."""
    return "-" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def next_command(step: str, kid: str, directory: Path) -> str:
    """Spell the command of a later step."""
    return f"flask handoff-keys {step} {kid} --directory {shlex.quote(str(directory))}"


def _remark(entry: RingEntry, now: datetime) -> str:
    if not entry.is_published:
        return f"{entry.state} {utc(entry.removed_at)}"
    if entry.signs:
        return "signs"
    if entry.state == "staged":
        return _may_be("activated", activation_allowed_at(entry), now)
    return _may_be("retired", retirement_allowed_at(entry), now)


def _may_be(what: str, allowed_at: datetime, now: datetime) -> str:
    return f"may be {what}" if now >= allowed_at else f"may be {what} from {utc(allowed_at)}"
