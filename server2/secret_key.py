"""The key that signs the session cookie, and its predecessors."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import shown

MINIMUM_LENGTH = 32  # characters


def read_secret_keys(path: Path) -> list[str]:
    """Read the file of secret keys; make it, with one random key, where there is none.

    One key a line: the first one signs, the others are accepted still. To change the key, write a
    new line above the old one, and take the old one out twelve hours later.

    Raises:
        ConfigurationError: The file can be read by others, cannot be read, or holds a short key.
    """
    try:
        if not path.exists():
            _make(path)
        mode = path.stat().st_mode
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file of secret keys {shown(path)} cannot be used ({type(error).__name__}).",
            "Give it to the user that runs this server, or remove it to have a new one made.",
        ) from None
    if mode & 0o077:
        raise ConfigurationError(
            f"The file of secret keys {shown(path)} is open to other users.",
            f"Run: chmod 600 {shown(path)}",
        )
    if not lines or min(map(len, lines)) < MINIMUM_LENGTH:
        raise ConfigurationError(
            f"The file of secret keys {shown(path)} holds a key of under {MINIMUM_LENGTH}"
            " characters.",
            "Remove it to have a new one made; everybody is signed out then.",
        )
    return lines


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600 from the start
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        # Two processes may start at once: the first link wins, and both read what it holds.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
