"""``ring.json``: which keys there are and were, in which state, since when."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import shown
from flask_handoff.strict_json import load_strict_json

from .private_files import (
    check_private_directory,
    provider_of,
    read_private_file,
    unreadable,
    write_private_file,
)

KeyState = Literal["staged", "active", "retired", "revoked"]
"""Staged: published, not signing yet. Active: published, and the newest of them signs. Retired and
revoked: neither published nor on the disk any more, kept as history."""

_RING = "ring.json"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingEntry:
    """What ``ring.json`` says of one key; a date is aware, and None until it has come.

    Args:
        kid: The key's name, its RFC 7638 thumbprint.
        state: Staged, and published while another key signs; active; retired or revoked, and
            neither published nor on the disk any more.
        created_at: When it was made, and published by the issuers that run.
        activated_at: When it began to sign.
        replaced_at: When another key began to sign in its place.
        removed_at: When it was retired or revoked.
    """

    kid: str
    state: KeyState
    created_at: datetime
    activated_at: datetime | None = None
    replaced_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def is_published(self) -> bool:
        """Whether receivers are given this key."""
        return self.state in {"staged", "active"}

    @property
    def signs(self) -> bool:
        """Whether tokens are signed with this key, which is true of one key of a ring at most."""
        return self.state == "active" and self.replaced_at is None

    @property
    def is_replaced(self) -> bool:
        """Whether this key is only published any longer, for the tokens that it signed."""
        return self.state == "active" and not self.signs


def ring_path(directory: Path) -> Path:
    """Return where the ring of a directory lies."""
    return directory / _RING


def check_ring_directory(directory: Path) -> None:
    """Make sure that no other user can change or see the keys of a directory.

    Raises:
        ConfigurationError: See ``check_private_directory``.
    """
    check_private_directory(directory, _RING)


def check_own_directory(directory: Path) -> None:
    """Make sure that keys are changed in this directory, and not provided by somebody.

    Raises:
        ConfigurationError: They are changed elsewhere.
        OSError: The directory is out of reach.
    """
    if provider := provider_of(directory, _RING):
        raise ConfigurationError(
            f"The key directory {shown(directory)} {provider}: its keys are not changed here.",
            "Run this where the ring was made, and mount or copy all of its files anew.",
        )


def ring_exists(directory: Path) -> bool:
    """Tell whether a directory holds a ``ring.json``, good or bad, a broken link included.

    Raises:
        ConfigurationError: This user may not look.
    """
    path = ring_path(directory)
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from None
    return True


def read_ring(directory: Path) -> tuple[RingEntry, ...]:
    """Read which keys a directory holds and held, in the order in which they were made.

    Raises:
        ConfigurationError: There is no ring, it is open to other users, or it is malformed. The
            remedy names the command.
    """
    if not ring_exists(directory):
        raise _no_ring(directory)
    check_ring_directory(directory)
    path = ring_path(directory)
    unverified_ring = read_private_file(path)
    try:
        return _parse(unverified_ring)
    except ValueError as error:
        raise ConfigurationError(
            f"The key ring {shown(path)} cannot be used: {error}.",
            "Restore it from a backup, or begin a new ring in another directory.",
        ) from error


def new_key_command(directory: Path) -> str:
    """Spell the command that makes a key in a directory."""
    path = str(directory)
    place = shlex.quote(path) if shown(directory) == path else "DIRECTORY"
    return f"flask handoff-keys new --directory {place}"


def write_ring(directory: Path, entries: Sequence[RingEntry]) -> None:
    """Replace the ring of a directory. The caller is the only writer.

    Raises:
        OSError: It cannot be written; the old ring is still there.
    """
    document = json.dumps(
        {"keys": [asdict(entry) for entry in entries]},
        indent=2,
        default=lambda instant: f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    write_private_file(ring_path(directory), document.encode("ascii") + b"\n")


def _no_ring(directory: Path) -> ConfigurationError:
    problem = f"There is no key ring in {shown(directory)}"
    remedy = f"Make its first key: {new_key_command(directory)}"
    if directory.is_dir():
        if provider := provider_of(directory, _RING):
            problem = f"{problem}, which {provider}"
            remedy = "Make one elsewhere by flask handoff-keys, and mount or copy all of its files."
        if any(directory.glob("*.pem")) or any(directory.glob("*.key")):
            remedy = f"A key of your own: flask handoff-keys import FILE. {remedy}"
    return ConfigurationError(f"{problem}.", remedy)


def _parse(unverified_ring: bytes) -> tuple[RingEntry, ...]:
    document = load_strict_json(unverified_ring)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("expected an object with a list of keys")
    ring = [_from_json(entry) for entry in document["keys"]]
    if len({entry.kid for entry in ring}) != len(ring):
        raise ValueError("a key is listed twice")
    if sum(entry.signs for entry in ring) > 1:
        raise ValueError("more than one of its keys is active and was never replaced")
    return tuple(ring)


def _from_json(unverified_entry: object) -> RingEntry:
    names = [field.name for field in fields(RingEntry)]
    if not isinstance(unverified_entry, dict) or set(unverified_entry) != set(names):
        raise ValueError(f"expected a key's members to be {', '.join(names)}")
    kid, state = unverified_entry["kid"], unverified_entry["state"]
    if not isinstance(kid, str) or _THUMBPRINT.fullmatch(kid) is None:
        raise ValueError("expected the key's thumbprint as kid")
    if state not in get_args(KeyState):
        raise ValueError(f"expected a state out of {', '.join(get_args(KeyState))}")
    dates = {name: _instant(unverified_entry[name]) for name in names if name.endswith("_at")}
    if dates["created_at"] is None:
        raise ValueError("expected the date when the key was made")
    entry = RingEntry(kid=kid, state=state, **cast(dict[str, Any], dates))
    if not (
        (state != "staged" or entry.activated_at is None)
        and (state != "active" or entry.activated_at is not None)
        and (entry.replaced_at is None or entry.activated_at is not None)
        and entry.is_published == (entry.removed_at is None)
    ):
        raise ValueError("the dates do not fit the state")
    return entry


def _instant(unverified_date: object) -> datetime | None:
    if unverified_date is None:
        return None
    if not isinstance(unverified_date, str):
        raise ValueError("expected dates such as 2026-01-31T12:00:00Z")
    instant = datetime.fromisoformat(unverified_date)
    if instant.utcoffset() != timedelta(0):
        raise ValueError("expected dates in UTC, such as 2026-01-31T12:00:00Z")
    return instant
