"""What a verified token proves, and who stands on either side of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, NewType, cast

from .signed_in_user import SignedInUser as SignedInUser

UnverifiedToken = NewType("UnverifiedToken", str)
"""A token as it came from outside. Only ``TokenVerifier.verify`` turns it into claims."""

Clock = Callable[[], datetime]
"""Tells the time as an aware datetime in UTC; tests pass one that they can turn."""


def system_clock() -> datetime:
    """Tell the time of this machine, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class HandoffClaims:
    """What a handoff token proved. Exists only when every check has passed.

    The account key is the pair ``(issuer, subject)``, never the e-mail address
    (OpenID Connect Core 1.0, section 5.7).
    """

    issuer: str
    subject: str
    audience: str
    issued_at: datetime
    expires_at: datetime
    nonce: str
    jwt_id: str | None
    session_id: str | None
    auth_time: datetime | None
    scope: frozenset[str]
    name: str | None
    email: str | None
    email_verified: bool
    kid: str


class Logout(NamedTuple):
    """Which sessions at the issuer have ended, as a logout token proved it.

    Args:
        issuer: Whose sessions they were.
        subject: The account; None where the issuer named the session only.
        session_id: The one session that ended (``sid``); None for all of the account's.
        ended_at: When, by the issuer's clock. Where one session is named it decides nothing: that
            session does not come back, and clocks may disagree. Of a whole account, no handoff that
            was issued up to then counts any more, so it is 10 s later than the issuer said: its
            machines may each differ by 5 s from ours.
        valid_after: Given where the session that is named goes on at the issuer, such as with less
            granted: what it issues for that session from then on counts, what it did before does
            not. None: the session has ended, and nothing of it counts.

    Sources: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.7; RFC 8417, section 2.2
    (``toe``, the time of the event, where the issuer tells it).
    """

    issuer: str
    subject: str | None
    session_id: str | None
    ended_at: datetime
    valid_after: datetime | None = None

    @property
    def named_by(self) -> tuple[str, str]:
        """The claim that tells which sessions are meant, and its value."""
        if self.session_id is not None:
            return ("sid", self.session_id)
        return ("sub", self.subject or "")


@dataclass(frozen=True, slots=True)
class Revocation:
    """What an issuer takes back: one token by its name, or all that was issued until an instant.

    It names one of *jwt_id*, *family_id*, *session_id*, *subject* and *client_id*, or none: then
    everything.

    Args:
        jwt_id, expires_at: One access token (``jti``), and when it dies by itself.
        family_id: The refresh token whose access tokens are meant: each ``jti`` begins with it.
        session_id: The session (``sid``) whose tokens are meant.
        subject: The account whose tokens are meant.
        client_id: The program whose tokens are meant.
        valid_after: Tokens of that session, account or program with an ``iat`` before this instant
            are dead; one of the same second lives. A whole second; not given with a *jwt_id*.

    Raises:
        ValueError: It names two, or a date is missing, one too many or not a whole second.
    """

    jwt_id: str | None = None
    expires_at: datetime | None = None
    family_id: str | None = None
    session_id: str | None = None
    subject: str | None = None
    client_id: str | None = None
    valid_after: datetime | None = None

    def __post_init__(self) -> None:
        names = (self.jwt_id, self.family_id, self.session_id, self.subject, self.client_id)
        names_token = self.jwt_id is not None
        if sum(name is not None for name in names) > 1 or "" in names:
            raise ValueError("a revocation names one token, family, session, user or client")
        if names_token != (self.expires_at is not None) or names_token != (not self.valid_after):
            raise ValueError("a token's revocation has expires_at, any other has valid_after")
        if self.dated.microsecond:
            raise ValueError("a revocation is dated in whole seconds")

    @property
    def dated(self) -> datetime:
        """The one date of it: ``expires_at`` of a token, else ``valid_after``."""
        return cast(datetime, self.expires_at or self.valid_after)

    @property
    def named_by(self) -> tuple[str, str]:
        """The claim that tells what is meant, and its value; two empty texts for everything."""
        named = {
            "jti": self.jwt_id,
            "family_id": self.family_id,
            "sid": self.session_id,
            "sub": self.subject,
            "client_id": self.client_id,
        }
        return next(((claim, value) for claim, value in named.items() if value), ("", ""))


class CodeGrant(NamedTuple):
    """What an authorization code stands for, until a client exchanges it.

    Args:
        client_id, redirect_uri: Who asked for it, and where it was sent.
        code_challenge: What the client has to know the origin of; None where it sent none.
        nonce: Goes into the ID Token as it came; None where there was none.
        subject, session_id: Whose it is, and the ``sid`` of the session that granted it.
        auth_time: When that user proved who they are.
        scope: What was requested and granted, both.
        audience, access_scope: Who the access token is for, and what it allows there.
        jwt_id: The ``jti`` of that access token, known before it is made.
        issued_at: When the code was issued, a whole second.
    """

    client_id: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    subject: str
    session_id: str
    auth_time: datetime
    scope: frozenset[str]
    audience: str
    access_scope: frozenset[str]
    jwt_id: str
    issued_at: datetime


class RefreshFamily(NamedTuple):
    """All refresh tokens that replaced each other: one grant of one user to one client.

    It outlives the session that granted it (OpenID Connect Core 1.0, section 11).

    Args:
        family_id: Its public reference, fit for a log: its access tokens' ``jti`` begin with it.
        client_id: The only client that its tokens are good for.
        subject, session_id, auth_time, scope, audience, access_scope: See ``CodeGrant``.
        started_at: When a code was exchanged for its first token.
        used_at: When a refresh token of it was used last.
    """

    family_id: str
    client_id: str
    subject: str
    session_id: str
    auth_time: datetime
    scope: frozenset[str]
    audience: str
    access_scope: frozenset[str]
    started_at: datetime
    used_at: datetime


class ClientGrant(NamedTuple):
    """What a service may do for itself, without any user.

    Args:
        client_id: The service: its access token's ``client_id``, and its ``sub``.
        audience, scope: Who the access token is for, and what it allows there.
        jwt_id: The ``jti`` of that access token.
    """

    client_id: str
    audience: str
    scope: frozenset[str]
    jwt_id: str


class AccessClaims(NamedTuple):
    """What an access token proved. It may be presented again until it expires.

    Args:
        issuer, subject: Whose it is: the account key is the pair of both. A service that acts for
            itself has its ``client_id`` as its subject.
        audience: The one service that it is for.
        client_id: The program that holds it.
        scope: What it allows there.
        session_id: The ``sid`` of the session that granted it; None without one, or where it is
            good beyond that session.
    """

    issuer: str
    subject: str
    audience: str
    client_id: str
    scope: frozenset[str]
    session_id: str | None
    issued_at: datetime
    expires_at: datetime
    jwt_id: str
    kid: str


class Arrival(NamedTuple):
    """One person arriving at SERVER2: what is proved, and where they wanted to go.

    Args:
        claims: What the token proved.
        target: A path of this site, checked by ``check_return_to``.
        token_sha256: SHA-256 of the token, hexadecimal, to be kept in the session's row: it makes
            a repeated callback of the same browser harmless.
    """

    claims: HandoffClaims
    target: str
    token_sha256: str


class LiveSession(NamedTuple):
    """The session that a browser holds at SERVER2, as the application tells the receiver.

    Args:
        handle: The session's public reference, fit for a log.
        token_sha256, target: From the ``Arrival`` that opened it.
        issuer, subject: From its claims. With them a late token of the same account, whose attempt
            is gone, leads to the default page in place of an error page.
    """

    handle: str
    token_sha256: str
    target: str
    issuer: str | None = None
    subject: str | None = None
