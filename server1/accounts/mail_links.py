"""The links in mails as rows: what each is for, and what can be wrong with one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from flask_service.database import Instant
from server1.db import metadata

from .users import User

mail_links = sa.Table(
    "mail_links",
    metadata,
    # Only the hash: a reader of the database cannot set anybody's password.
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("browser_sha256", sa.String(64)),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    # The hash of the link that came next; the newest has none.
    sa.Column("replaced_by", sa.String(64)),
    sa.Index("mail_links_by_subject", "subject", "purpose"),
    sa.Index("mail_links_by_expires_at", "expires_at"),
)


class Purpose(StrEnum):
    """What a link is for; also the name of the page that it leads to."""

    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of a page
    CHANGE_EMAIL = "change-email"

    @property
    def life(self) -> timedelta:
        """How long such a link is valid."""
        return _LIVES[self]


_LIVES = {
    Purpose.VERIFY_EMAIL: timedelta(hours=24),
    Purpose.RESET_PASSWORD: timedelta(minutes=60),
    Purpose.CHANGE_EMAIL: timedelta(hours=24),
}


class LinkUnknownError(LookupError):
    """There is no such link: mistyped, used already, revoked, or of a disabled account."""


class LinkExpiredError(LookupError):
    """The link has expired, and there is no newer one that is still valid."""


class LinkReplacedError(LookupError):
    """A newer mail contains the valid link.

    Args:
        newest_made_at: When that mail was sent.
    """

    def __init__(self, newest_made_at: datetime) -> None:
        super().__init__("a newer link has replaced this one")
        self.newest_made_at = newest_made_at


@dataclass(frozen=True, slots=True)
class Link:
    """A valid link.

    Args:
        address: Where its mail went; for ``CHANGE_EMAIL`` the new address.
        browser_sha256: The fingerprint of the browser that requested it, where that was kept.
        made_at: When its mail was sent.
    """

    token_sha256: str = field(repr=False)
    purpose: Purpose
    user: User
    address: str
    browser_sha256: str | None
    made_at: datetime
    expires_at: datetime
