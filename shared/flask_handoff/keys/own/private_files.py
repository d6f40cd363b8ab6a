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
_WRITE_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Return what to raise where the system refuses to show a file."""
    return ConfigurationError(
        f"{shown(path)} cannot be read: {error.strerror}.",
        "Restore it, or run the server as the user who owns it. Where it is mounted, let the "
        "server's group read it.",
    )


def check_private_directory(directory: Path, content: str) -> None:
    """Make sure that no other user can change what lies in a directory, or look into our own.

    One that somebody provides, see ``provider_of``, may be readable to others: that was their
    choice.

    Args:
        content: The name of a file in it. Docker mounts each file by itself.

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
        if provider_of(directory, content) is None:
            _check_mode(directory, mode, allowed="700")
        # The kubelet's are open to all, and sticky: nobody replaces what somebody else wrote.
        elif not (mode & stat.S_ISVTX and _is_read_only(directory)):
            _check_mode(directory, mode, allowed="go-w", refused=_WRITE_OF_OTHERS)
    except OSError as error:
        raise unreadable(directory, error) from None


def provider_of(directory: Path, content: str) -> str | None:
    """Say why a directory is somebody else's, who provides it to be read; None: it is our own.

    Args:
        content: The name of a file in it, there or not.

    Raises:
        OSError: The directory is out of reach.
    """
    file = directory / content
    if _is_read_only(directory) or (file.exists() and _is_read_only(file)):
        return "is mounted read-only"
    return "belongs to root" if _is_provided_by_root(directory.stat()) else None


def read_private_file(path: Path) -> bytes:
    """Read a file that only its owner may read, or that somebody provides, see ``provider_of``.

    There a link is followed as long as it stays inside the directory: Kubernetes mounts a Secret so
    that one link to another directory changes all of its files at once.

    Raises:
        ConfigurationError: Missing, unreadable, a symbolic link or another thing than a file, or
            open to group or others.
    """
    try:
        # What is opened is what is checked: a file swapped in between would pass a check by name.
        with _opened(_followed(path), os.O_NOFOLLOW) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _not_a_file(path)
            if _is_provided_by_root(status) or _is_read_only(file.fileno()):
                check_mounted_file(file, path)
            else:
                _check_mode(path, status.st_mode, allowed="600")
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
    if mode & _WRITE_OF_OTHERS or (mode & stat.S_IROTH and not _is_read_only(file.fileno())):
        _check_mode(path, mode, allowed="g-w,o=")


def read_mounted_file(path: Path) -> bytes:
    """Read a file that an operator has mounted, see ``check_mounted_file``.

    Raises:
        ConfigurationError: Missing, unreadable, another thing than a file, or open to other users.
    """
    try:
        with _opened(path) as file:
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


def _opened(path: Path | str, flags: int = 0) -> IO[bytes]:
    return open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags), "rb")


def _is_read_only(place: Path | int) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def _is_provided_by_root(status: os.stat_result) -> bool:
    return status.st_uid == 0 != os.geteuid()


def _followed(path: Path) -> str:
    real = os.path.realpath(path)
    directory = os.path.realpath(path.parent)
    if real == os.path.join(directory, path.name):
        return real
    inside = real.startswith(f"{directory}{os.sep}")
    if not inside or provider_of(path.parent, path.name) is None:
        raise _not_a_file(path)
    return real


def _check_mode(path: Path, mode: int, *, allowed: str, refused: int = _GROUP_AND_OTHERS) -> None:
    if mode & refused:
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
