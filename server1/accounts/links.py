"""Links in mails: opening one proves that a mail to its address was read.

A link is valid once, until it expires, and only while it is the newest of its account and purpose.
The token is in the mail alone; its hash is stored here.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from flask_service.database import sweep

from .mail_links import (
    Link,
    LinkExpiredError,
    LinkReplacedError,
    LinkUnknownError,
    Purpose,
    mail_links,
)
from .users import User, from_row, users

REMEMBERED_FOR = timedelta(days=7)  # after it has expired: its page says so

# 256 bits in base64url, with what a mail's source (3D for =) or an emphasis (_) leaves around it.
_TOKEN = re.compile(r"(?:3[Dd])?(?P<token>[A-Za-z0-9_-]{43})[_-]*", re.ASCII)
_LONGEST_COPY = 200  # characters
_NOT_IN_A_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


def make(
    connection: sa.Connection,
    *,
    purpose: Purpose,
    user: User,
    address: str,
    browser_sha256: str | None,
    now: datetime,
) -> str:
    """Make the newest link of an account and purpose; from the commit on, older ones are void.

    Args:
        address: Where its mail goes.
        browser_sha256: The browser that asked for it, if that matters.

    Returns:
        The token, 256 random bits. Only its hash is kept.
    """
    token = secrets.token_urlsafe(32)
    _lock(connection, user)
    older = (mail_links.c.subject == user.subject) & (mail_links.c.purpose == purpose)
    connection.execute(
        sa.update(mail_links)
        .where(older, mail_links.c.replaced_by.is_(None))
        .values(replaced_by=_sha256(token))
    )
    connection.execute(
        sa.insert(mail_links).values(
            token_sha256=_sha256(token),
            purpose=purpose,
            subject=user.subject,
            address=address,
            browser_sha256=browser_sha256,
            made_at=now,
            expires_at=now + purpose.life,
        )
    )
    sweep(connection, mail_links, mail_links.c.expires_at <= now - REMEMBERED_FOR)
    return token


def was_issued_to(
    connection: sa.Connection, browser_sha256: str, purpose: Purpose, user: User
) -> bool:
    """Tell whether a link of an account and purpose, valid or not, was issued to this browser."""
    query = sa.select(mail_links.c.token_sha256).where(
        mail_links.c.subject == user.subject,
        mail_links.c.purpose == purpose,
        mail_links.c.browser_sha256 == browser_sha256,
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def was_made_since(connection: sa.Connection, user: User, address: str, since: datetime) -> bool:
    """Tell whether a link of an account was mailed to an address after an instant."""
    query = sa.select(mail_links.c.token_sha256).where(
        mail_links.c.subject == user.subject,
        mail_links.c.address == address,
        mail_links.c.made_at > since,
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def undo(connection: sa.Connection, token: str) -> None:
    """Undo a link whose mail was not sent: the one before it is valid again."""
    this_one = mail_links.c.token_sha256 == _sha256(token)
    connection.execute(
        sa.select(users.c.subject)
        .join_from(mail_links, users)
        .where(this_one)
        .with_for_update(of=users)
    )
    undone = sa.delete(mail_links).where(this_one).returning(mail_links.c.replaced_by)
    row = connection.execute(undone).one_or_none()
    if row is not None:
        # It may have been replaced itself meanwhile; then so is the one before it.
        connection.execute(
            sa.update(mail_links)
            .where(mail_links.c.replaced_by == _sha256(token))
            .values(replaced_by=row.replaced_by)
        )


def find(connection: sa.Connection, unverified_token: str, purpose: Purpose, now: datetime) -> Link:
    """Find the link of a token, and leave it as it is.

    Raises:
        LinkUnknownError: There is none for this purpose, its account is disabled, or the account
            has another address by now.
        LinkReplacedError: A newer one is valid.
        LinkExpiredError: It has expired, and so have newer ones.
    """
    # A mail program wraps the link, or takes the full stop or the bracket behind it along
    # (RFC 3986, appendix C).
    copied = _TOKEN.fullmatch(_NOT_IN_A_TOKEN.sub("", unverified_token[:_LONGEST_COPY]))
    if copied is None:
        raise LinkUnknownError
    query = (
        sa.select(users, mail_links)
        .join_from(mail_links, users)
        .where(
            mail_links.c.token_sha256 == _sha256(copied["token"]),
            mail_links.c.purpose == purpose,
            users.c.disabled.is_(False),
        )
    )
    if purpose is not Purpose.CHANGE_EMAIL:
        # A mail to an address that the account has left proves nothing about the new one.
        query = query.where(mail_links.c.address == users.c.email)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise LinkUnknownError
    if row["replaced_by"] is not None:
        newest = sa.select(mail_links.c.made_at).where(
            mail_links.c.subject == row["subject"],
            mail_links.c.purpose == purpose,
            mail_links.c.replaced_by.is_(None),
            mail_links.c.expires_at > now,
        )
        made_at = connection.execute(newest).scalar_one_or_none()
        raise LinkExpiredError if made_at is None else LinkReplacedError(made_at)
    if row["expires_at"] <= now:
        raise LinkExpiredError
    columns = ("token_sha256", "address", "browser_sha256", "made_at", "expires_at")
    return Link(purpose=purpose, user=from_row(row), **{name: row[name] for name in columns})


def consume(connection: sa.Connection, link: Link) -> None:
    """Use a link up, and with it all others of its account and purpose.

    Of any number that use it at once, one does.

    Raises:
        LinkUnknownError: It was used, revoked or replaced meanwhile. Nothing was changed.
    """
    _lock(connection, link.user)
    consumed = (
        sa.delete(mail_links)
        .where(mail_links.c.token_sha256 == link.token_sha256, mail_links.c.replaced_by.is_(None))
        .returning(mail_links.c.token_sha256)
    )
    if connection.execute(consumed).one_or_none() is None:
        raise LinkUnknownError
    revoke(connection, link.user, [link.purpose])


def revoke(connection: sa.Connection, user: User, purposes: Iterable[Purpose]) -> None:
    """Revoke every link of an account for these purposes."""
    _lock(connection, user)
    connection.execute(
        sa.delete(mail_links).where(
            mail_links.c.subject == user.subject, mail_links.c.purpose.in_(list(purposes))
        )
    )


def revoke_of_everybody(connection: sa.Connection) -> None:
    """Revoke every link that there is."""
    theirs = users.c.subject.in_(sa.select(mail_links.c.subject))
    query = sa.select(users.c.subject).where(theirs).order_by(users.c.subject)
    connection.execute(query.with_for_update()).all()
    connection.execute(sa.delete(mail_links))


def _lock(connection: sa.Connection, user: User) -> None:
    # On PostgreSQL two links made at once would both be the newest. Every change of links takes
    # this lock first, so that no two wait for each other.
    connection.execute(
        sa.select(users.c.subject).where(users.c.subject == user.subject).with_for_update()
    )


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
