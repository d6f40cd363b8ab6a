"""The key that signs cookies: made at first run, readable by this server's user alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from flask import Flask

from flask_handoff import ConfigurationError, check_mounted_file, shown

SHORTEST_KEY = 32  # characters; a generated one has 43, of 256 random bits


def init_app(app: Flask, path: Path, *, create: bool, settings: str) -> None:
    """Give the application its secret key, and the older ones that are still accepted.

    The file holds one key a line: the first one signs, the others are still accepted. To replace
    the key, write a new line above the old one and start again; take the old one out when the
    sessions of that time have expired.

    Args:
        app: The whole application.
        path: The file.
        create: Whether to make it, with one random key, when there is none; else it is one that an
            operator has mounted, see ``check_mounted_file``.
        settings: Which settings name the file, for the person who has to correct them.

    Raises:
        ConfigurationError: The file cannot be read or made, is open to other users, or holds a key
            that is too short, or none.
    """
    try:
        if create and not path.exists():
            _create(path)
        keys = _read(path, mounted=not create)
    except OSError as error:
        raise ConfigurationError(
            f"The secret key in {shown(path)} cannot be read or made ({error.strerror}).",
            f"Set {settings} to a place that this user may use.",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{shown(path)} is not ASCII text.", "It holds secret keys, one a line."
        ) from None
    if not keys or min(map(len, keys)) < SHORTEST_KEY:
        raise ConfigurationError(
            f"{shown(path)} holds no secret key, or one of under {SHORTEST_KEY} characters.",
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = keys


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # For this user alone, and removed in any case.
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(f"{secrets.token_urlsafe(32)}\n")
        draft.flush()
        os.fsync(draft.fileno())
        # A link never replaces: of two processes at first run, both get the same key.
        with suppress(FileExistsError):
            os.link(draft.name, path)


def _read(path: Path, *, mounted: bool) -> Sequence[str]:
    with path.open(encoding="ascii") as file:
        if mounted:
            check_mounted_file(file, path)
        elif os.fstat(file.fileno()).st_mode & 0o077:
            raise ConfigurationError(
                f"{shown(path)} is open to other users of this machine.",
                f"Run: chmod 600 {shown(path)}",
            )
        return [line.strip() for line in file if line.strip()]
