"""Files that only their owner may read, and one writer at a time."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import shown

_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Return what to raise where the system refuses to show a file."""
    return ConfigurationError(
        f"{shown(path)} cannot be read: {error.strerror}.",
        "Restore it, or run the server as the user who owns it.",
    )


def check_private_directory(directory: Path) -> None:
    """Make sure that only the owner may look into a directory, unless it is mounted read-only.

    Raises:
        ConfigurationError: Open to group or others, out of reach, or a system without file modes.
    """
    if os.name != "posix":
        raise ConfigurationError(
            "Private keys are guarded by file modes, and this system has none.",
            "Run the issuer on a POSIX system.",
        )
    try:
        mode = directory.stat().st_mode
        mounted = _is_mounted_read_only(directory)
    except OSError as error:
        raise unreadable(directory, error) from None
    if not mounted:
        _check_mode(directory, mode, allowed="700")


def read_private_file(path: Path) -> bytes:
    """Read a file that only its owner may read; in a directory that is mounted, see there.

    Raises:
        ConfigurationError: Missing, unreadable, a symbolic link or another thing than a file, or
            open to group or others.
    """
    # What is opened is what is checked: a file swapped in between would pass a check by name.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if _is_mounted_read_only(path.parent):
            return read_mounted_file(path)
        with open(os.open(path, flags), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise _not_a_file(path)
            _check_mode(path, mode, allowed="600")
            return file.read()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_a_file(path) from None
        raise unreadable(path, error) from None


def check_mounted_file(file: IO[Any], path: Path) -> None:
    """Make sure that a secret which an operator has mounted is only this server's to change.

    Kubernetes and Docker mount secrets read-only into a container that is the server's own, with
    mode 0444 or 0440, behind symbolic links. A file that others can write is refused, and one that
    all can read where it could be helped.

    Args:
        file: The opened file; a file that is swapped meanwhile would pass a check by name.
        path: What messages call it.

    Raises:
        ConfigurationError: It is open to other users.
    """
    mode = os.fstat(file.fileno()).st_mode
    is_read_only = os.fstatvfs(file.fileno()).f_flag & os.ST_RDONLY
    if mode & (stat.S_IWGRP | stat.S_IWOTH) or (mode & stat.S_IROTH and not is_read_only):
        _check_mode(path, mode, allowed="600")


def read_mounted_file(path: Path) -> bytes:
    """Read a file that an operator has mounted, see ``check_mounted_file``.

    Raises:
        ConfigurationError: Missing, unreadable, another thing than a file, or open to other users.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _not_a_file(path)
            check_mounted_file(file, path)
            return file.read()
    except OSError as error:
        raise unreadable(path, error) from None


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file (mode 0600) so that after a crash either the old content or the new is there.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)  # the new name is on the disk as well
    finally:
        os.close(descriptor)


@contextmanager
def new_private_file(path: Path, content: bytes) -> Iterator[None]:
    """Write a file (mode 0600) that was not there before; it goes where what follows fails.

    Raises:
        ConfigurationError: There is something of that name, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_written(path, error) from None
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _not_written(path, error) from None
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def only_writer(directory: Path) -> Iterator[None]:
    """Wait until no other process or thread writes in a directory, and keep the others waiting.

    Raises:
        ConfigurationError: The directory belongs to another user. ``root`` could write there all
            the same, and the server would find files that it may not read.
        OSError: It is out of reach, or the lock file cannot be opened.
    """
    import fcntl  # POSIX only, and a receiver that never writes keys may run elsewhere

    owner = directory.stat().st_uid
    if owner != os.geteuid():
        raise ConfigurationError(
            f"{shown(directory)} belongs to another user (uid {owner}), who could not read new"
            " keys.",
            "Run this as the user who owns it.",
        )
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(directory / "ring.lock", flags, 0o600), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_mounted_read_only(directory: Path) -> bool:
    # As orchestrators mount a secret: its files are links, and others may read but not change them.
    return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)


def _check_mode(path: Path, mode: int, *, allowed: str) -> None:
    if mode & _GROUP_AND_OTHERS:
        raise ConfigurationError(
            f"{shown(path)} is open to other users of this machine"
            f" (mode {stat.S_IMODE(mode):04o}).",
            f"Run: chmod {allowed} {shlex.quote(shown(path))}",
        )


def _not_written(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{shown(path)} cannot be written: {error.strerror}.",
        "Name a file that is not there yet, in a directory of yours.",
    )


def _not_a_file(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{shown(path)} is a symbolic link or another thing than a file.",
        "Put the file itself there.",
    )
