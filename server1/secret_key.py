"""The key that signs cookies: made at first run, readable by this server's user alone."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from flask_handoff import ConfigurationError
from flask_handoff.redaction import shown

SHORTEST_KEY = 32  # characters; a generated one has 43, of 256 random bits


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """The key that signs, and older ones that are still believed until they are removed."""

    current: str
    fallbacks: tuple[str, ...]


def load_secret_keys(path: Path, *, create: bool) -> SecretKeys:
    """Read the secret key, and its fallbacks: one a line in ``<path>_fallbacks``, if that exists.

    To replace the key, move the old one into the fallbacks file and start again; remove it from
    there when the sessions of that time are over.

    Args:
        path: The file that holds the key.
        create: Whether to make a random key when there is none.

    Raises:
        ConfigurationError: A file cannot be read or made, is open to other users, or holds a key
            that is too short.
    """
    try:
        if create and not path.exists():
            _create(path)
        (current,) = _read_keys(path) or ("",)
        fallbacks_path = path.with_name(f"{path.name}_fallbacks")
        fallbacks = _read_keys(fallbacks_path) if fallbacks_path.exists() else ()
    except OSError as error:
        raise ConfigurationError(
            f"The secret key in {shown(path)} cannot be read or made ({error.strerror}).",
            "SERVER1_INSTANCE or SERVER1_SECRET_KEY_FILE names a place that this user may use.",
        ) from None
    except ValueError:
        raise ConfigurationError(
            f"{shown(path)} does not hold one line of text.",
            "It holds the secret key and nothing else.",
        ) from None
    _check_lengths(path, current, *fallbacks)
    return SecretKeys(current, fallbacks)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces: of two processes at first run, both go on with the same key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read_keys(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & 0o077:
            raise ConfigurationError(
                f"{shown(path)} is open to other users of this machine.",
                f"Run: chmod 600 {shown(path)}",
            )
        return tuple(line.strip() for line in file if line.strip())


def _check_lengths(path: Path, *keys: str) -> None:
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"{shown(path)}, or its fallbacks, holds a key of under {SHORTEST_KEY} characters.",
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
