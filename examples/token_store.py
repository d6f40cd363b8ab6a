"""Keeps the tokens of a program on its user's machine: in the system's keyring, else in a file.

The keyring is taken where the package keyring is installed and finds one that guards what is in
it. The file has mode 0600, and is replaced as a whole. It needs a POSIX system.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class ProgramError(Exception):
    """It cannot be done; the text says why, and what to do next."""


@dataclass(frozen=True)
class Tokens:
    """What access consists of; ``expires_at`` is the access token's, in seconds since 1970."""

    access_token: str = field(repr=False)
    expires_at: float
    refresh_token: str = field(repr=False)


class TokenStore:
    """Keeps one user's tokens.

    Args:
        program: Its name; a folder is named so.
        *purpose: Whose tokens they are, and for what. Other tokens than these are never found, so
            those of one server cannot reach another.

    Raises:
        ProgramError: There is no place for them, or the keyring cannot be asked.
    """

    def __init__(self, program: str, *purpose: str) -> None:
        self._program = program
        self._name = hashlib.sha256("\n".join(purpose).encode()).hexdigest()[:16]
        try:
            config = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
        except RuntimeError:  # in a container, say, whose user has no name
            raise ProgramError("There is no home to keep tokens in. Set XDG_CONFIG_HOME.") from None
        self._folder = config / program
        self._file = self._folder / f"{self._name}.json"
        self._keyring = _keyring()

    @contextmanager
    def locked(self, *, if_possible: bool = False) -> Iterator[None]:
        """Let one process at a time change the tokens; one that dies gives the lock back.

        Args:
            if_possible: Go on without the lock where nothing can be written, as on a read-only
                home: no other process can change them either.
        """
        with ExitStack() as stack:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = stack.enter_context((self._folder / f"{self._name}.lock").open("w"))
            except OSError:
                if not if_possible:
                    raise
            else:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def load(self) -> Tokens | None:
        """Return the tokens; None where there are none that can be read.

        Raises:
            ProgramError: The keyring is locked, or cannot be asked.
        """
        try:
            return Tokens(**json.loads(self._in_keyring() or self._file.read_text()))
        except (FileNotFoundError, ValueError, TypeError, RecursionError):
            return None

    def save(self, tokens: Tokens) -> None:
        """Keep these in place of all before; a reader meanwhile gets the ones or the others.

        Raises:
            ProgramError: The keyring does not take them.
            OSError: The file cannot be written; those before are still there.
        """
        text = json.dumps(asdict(tokens))
        if self._keyring is None:
            self._replace_file(text)
            return
        with _plain_errors():
            self._keyring.set_password(self._program, self._name, text)
        self._remove_files()

    def forget(self) -> None:
        """Keep no tokens any more, wherever they were.

        Raises:
            ProgramError: The keyring does not let them go, or the file cannot be removed.
        """
        try:
            self._remove_files()
        except OSError as error:
            raise ProgramError(f"{error.filename} is still here: {error.strerror}.") from None
        finally:
            if self._keyring is not None and self._in_keyring() is not None:
                with _plain_errors():
                    self._keyring.delete_password(self._program, self._name)

    def _in_keyring(self) -> str | None:
        if self._keyring is None:
            return None
        with _plain_errors():
            found: str | None = self._keyring.get_password(self._program, self._name)
        return found

    def _replace_file(self, text: str) -> None:
        descriptor, written = tempfile.mkstemp(prefix=f"{self._file.name}.", dir=self._folder)
        try:
            with os.fdopen(descriptor, "w") as file:  # mkstemp makes it with mode 0600
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(written, self._file)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(written)

    def _remove_files(self) -> None:
        # With what a process left that was killed while it wrote.
        for path in self._folder.glob(f"{self._file.name}*"):
            path.unlink(missing_ok=True)


def printable(text: object) -> str:
    """Return a text from elsewhere without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in str(text))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C, and what else asks the program to end, wait until this is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keyring() -> ModuleType | None:
    try:
        import keyring
    except ImportError:
        return None
    # One that was chosen and does not work is an error: a file is not what its user chose.
    with _plain_errors():
        # Below 1 are those that keep nothing, or keep it where everybody can read it.
        return keyring if keyring.get_keyring().priority >= 1 else None


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a backend raises what the libraries below it do
        reason = type(error).__name__
        advice = "Unlock it, or see what `keyring diagnose` says."
        raise ProgramError(f"The system's keyring refused ({reason}). {advice}") from None
