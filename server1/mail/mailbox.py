"""The mailbox: where no mail server is set, each mail becomes a file in a directory."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask_handoff.claims import Clock

from .errors import OutOfReachError

# The time to the microsecond, so that names sort by it, and something random.
_NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}", re.ASCII)


class MailUnknownError(LookupError):
    """There is no mail of this name in the mailbox."""


class Mailbox:
    """A directory of mails, readable by this server's user alone.

    Args:
        directory: Made when the first mail is written.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def deliver(self, message: EmailMessage) -> None:
        """Write a mail into a file of its own, whole or not at all.

        Raises:
            OutOfReachError: The directory cannot be written to.
        """
        now = self._clock().astimezone(UTC)
        name = f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(name, message.as_bytes())
        except OSError as error:
            reason = f"the directory of mails cannot be written to ({type(error).__name__})"
            raise OutOfReachError(reason) from error

    def names(self) -> Sequence[str]:
        """Return the names of all mails, the newest first."""
        try:
            stems = [path.stem for path in self._directory.glob("*.eml")]
        except OSError:
            return []
        return sorted(filter(_NAME.fullmatch, stems), reverse=True)

    def read(self, unverified_name: str) -> EmailMessage:
        """Read the mail of this name.

        Raises:
            MailUnknownError: There is none, or it cannot be read.
        """
        if _NAME.fullmatch(unverified_name) is None:
            raise MailUnknownError
        try:
            content = (self._directory / f"{unverified_name}.eml").read_bytes()
        except OSError:
            raise MailUnknownError from None
        return message_from_bytes(content, policy=policy.default)

    def _write(self, name: str, content: bytes) -> None:
        draft = self._directory / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._directory / f"{name}.eml")
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
