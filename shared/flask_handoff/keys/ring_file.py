"""``ring.json``: which keys there are, in which state, since when."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self, cast, get_args

from flask_handoff.errors import ConfigurationError
from flask_handoff.strict_json import load_strict_json

from .files import check_private_directory, exists, read_private_file, write_private_file

KeyState = Literal["staged", "active", "retired"]
"""Staged: published, not signing yet. Active: may sign. Retired: published for its last tokens."""

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_MEMBERS = ("kid", "state", "created_at", "activated_at", "retired_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingEntry:
    """What ``ring.json`` says of one key.

    Args:
        kid: The key's RFC 7638 thumbprint.
        state: Where it is in its life.
        created_at: When it was made.
        activated_at: When it became active; None before.
        retired_at: When it was retired; None before.
    """

    kid: str
    state: KeyState
    created_at: datetime
    activated_at: datetime | None = None
    retired_at: datetime | None = None

    @classmethod
    def from_json(cls, unverified_entry: object) -> Self:
        """Read one entry of ``ring.json``.

        Raises:
            ValueError: Members, name, state or dates are not of their form, or the dates do not
                fit the state.
        """
        if not isinstance(unverified_entry, dict) or set(unverified_entry) != set(_MEMBERS):
            raise ValueError(f"expected the members {', '.join(_MEMBERS)}")
        kid, state, *dates = (unverified_entry[member] for member in _MEMBERS)
        if not isinstance(kid, str) or _THUMBPRINT.fullmatch(kid) is None:
            raise ValueError("expected the key's thumbprint as kid")
        if state not in get_args(KeyState):
            raise ValueError(f"expected a state out of {', '.join(get_args(KeyState))}")
        created_at, activated_at, retired_at = (_instant(date) for date in dates)
        if created_at is None or not _fits(state, activated_at, retired_at):
            raise ValueError("the dates do not fit the state")
        return cls(
            kid=kid,
            state=cast(KeyState, state),
            created_at=created_at,
            activated_at=activated_at,
            retired_at=retired_at,
        )

    def to_json(self) -> dict[str, str | None]:
        """Write the entry as an object of ``ring.json``."""
        return {
            "kid": self.kid,
            "state": self.state,
            "created_at": _iso_8601(self.created_at),
            "activated_at": _iso_8601(self.activated_at),
            "retired_at": _iso_8601(self.retired_at),
        }


def ring_exists(directory: Path) -> bool:
    """Tell whether a directory holds a ``ring.json``, good or bad.

    Raises:
        ConfigurationError: This user may not look.
    """
    return exists(_path(directory))


def read_ring(directory: Path) -> tuple[RingEntry, ...]:
    """Read which keys a directory holds, in the order in which they were made.

    Raises:
        ConfigurationError: There is no ring, it is open to other users, or it is malformed. The
            remedy names the command.
    """
    if not ring_exists(directory):
        raise ConfigurationError(
            f"There is no key ring in {directory}.",
            f"Make its first key: {new_key_command(directory)}",
        )
    check_private_directory(directory)
    path = _path(directory)
    unverified_ring = read_private_file(path)
    try:
        return _parse(unverified_ring)
    except ValueError as error:
        raise ConfigurationError(
            f"The key ring {path} cannot be used: {error}.",
            "Restore it from a backup, or begin a new ring in another directory.",
        ) from error


def new_key_command(directory: Path) -> str:
    """Spell the command that makes a key in a directory."""
    return f"flask handoff-keys new --directory {shlex.quote(str(directory))}"


def write_ring(directory: Path, entries: Sequence[RingEntry]) -> None:
    """Replace the ring of a directory. The caller is the only writer.

    Raises:
        OSError: It cannot be written; the old ring is still there.
    """
    document = {"keys": [entry.to_json() for entry in entries]}
    write_private_file(_path(directory), json.dumps(document, indent=2).encode("ascii") + b"\n")


def _path(directory: Path) -> Path:
    return directory / "ring.json"


def _parse(unverified_ring: bytes) -> tuple[RingEntry, ...]:
    document = load_strict_json(unverified_ring)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("expected an object with a list of keys")
    ring = tuple(RingEntry.from_json(entry) for entry in document["keys"])
    if len({entry.kid for entry in ring}) != len(ring):
        raise ValueError("a key is listed twice")
    return ring


def _instant(unverified_date: object) -> datetime | None:
    if unverified_date is None:
        return None
    if not isinstance(unverified_date, str):
        raise ValueError("expected dates such as 2026-01-31T12:00:00Z")
    instant = datetime.fromisoformat(unverified_date)
    if instant.utcoffset() != timedelta(0):
        raise ValueError("expected dates in UTC, such as 2026-01-31T12:00:00Z")
    return instant


def _iso_8601(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _fits(state: str, activated_at: datetime | None, retired_at: datetime | None) -> bool:
    if state == "staged":
        return activated_at is None and retired_at is None
    if state == "active":
        return activated_at is not None and retired_at is None
    return retired_at is not None
