"""Refresh tokens: a client gets new access tokens while its user is away, until the family ends.

A family is one grant of one user to one client. Each use of its refresh token replaces the token.
A token is a handle, the same in all of a family, and a value: the value of the next is the HMAC of
the token before. So what a lost answer held can be made again, and only hashes are kept. Whoever
knows the handle has seen a token of the family: any value but the newest is a token used again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from flask_handoff import base64url
from flask_handoff.claims import CodeGrant, RefreshFamily, SignedInUser
from flask_handoff.errors import (
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
    TokenRequestError,
    TokenRevokedError,
)
from flask_handoff.profiles import ACCESS
from flask_handoff.signals import refresh_token_reused, token_revoked, tokens_issued
from flask_handoff.stores import RefreshStore
from flask_handoff.stores.ports import FAMILY_ID_LENGTH
from flask_handoff.web.events import send
from flask_handoff.web.parameters import ParameterReader

from .clients import Client
from .clients.audiences import check_resources
from .grants import TokenUserHook, one_transaction, sha256
from .valid_after import ValidAfterRule

IDLE_LIMIT = timedelta(days=7)
ABSOLUTE_LIMIT = timedelta(days=30)
GRACE = timedelta(seconds=10)
"""For so long the token before the newest brings the newest again, to whom its answer was lost."""

REMEMBERED = ACCESS.lifetime + ACCESS.leeway + timedelta(seconds=60)
"""As long after its end as an access token of the family could be used, it is known to be dead."""

_HANDLE_LENGTH = 22  # characters: 128 random bits in base64url
_TOKEN = re.compile(r"[A-Za-z0-9_-]{65}", re.ASCII)  # the handle, and 256 bits
_LABEL = b"flask_handoff.refresh_token"


class Refreshed(NamedTuple):
    """What a refresh token was exchanged for."""

    grant: RefreshFamily  # as it holds for the access token to be made
    user: SignedInUser
    refresh_token: str
    issued_at: datetime  # of the tokens to be made


def has_form_of_ours(token: str) -> bool:
    """Tell whether a token has the form of a refresh token, which nothing else has."""
    return _TOKEN.fullmatch(token) is not None


def family_id_of(jwt_id: str) -> str:
    """Return which family an access token belongs to, if it belongs to one."""
    return jwt_id[:FAMILY_ID_LENGTH]


def new_jwt_id(family_id: str) -> str:
    """Make the ``jti`` of an access token of a family: it is revoked with the family."""
    return family_id + secrets.token_urlsafe(14)


class RefreshTokens(NamedTuple):
    """What an issuer needs that issues refresh tokens.

    Args:
        successor_secrets: Each derives successors: the newest first, then those that did before.
    """

    store: RefreshStore
    token_user: TokenUserHook
    valid_after: ValidAfterRule
    successor_secrets: Sequence[bytes]

    def start(self, grant: CodeGrant, now: datetime) -> str:
        """Start a family with what a code stands for, and return its first refresh token.

        Raises:
            RefreshStoreUnavailableError: It cannot be kept.
        """
        token = secrets.token_urlsafe(16) + secrets.token_urlsafe(32)
        family = RefreshFamily(
            family_id=family_id_of(grant.jwt_id),
            client_id=grant.client_id,
            subject=grant.subject,
            session_id=grant.session_id,
            auth_time=grant.auth_time,
            scope=grant.scope,
            audience=grant.audience,
            access_scope=grant.access_scope,
            started_at=now.replace(microsecond=0),
            used_at=now.replace(microsecond=0),
        )
        expires_at, forget_at = _limits(family, now)
        self.store.start(
            family,
            handle_sha256=_handle_sha256(token),
            token_sha256=sha256(token),
            expires_at=expires_at,
            forget_at=forget_at,
            now=int(now.timestamp()),
        )
        return token

    @contextmanager
    def refreshed(
        self, client: Client, read: ParameterReader, now: datetime
    ) -> Iterator[Refreshed]:
        """Exchange the refresh token in a request of this client, in one transaction.

        What fails inside of it takes the exchange back where the store was lent transactions: the
        client still holds a token that is good.

        Raises:
            TokenRequestError: A parameter is missing, sent twice or not granted; nothing was used.
            RefreshTokenInvalidError: The token is not good for this client, or its family has
                ended; its subclass says that it was used before, and that the family ends.
            RefreshStoreUnavailableError: It cannot be told.

        Sources: RFC 6749, section 6; RFC 9700, section 4.14.2.
        """
        token = read.text("refresh_token")
        if token is None:
            raise TokenRequestError("refresh_token: missing")
        if not has_form_of_ours(token):
            raise RefreshTokenInvalidError("the refresh token is not of the form of ours")
        with one_transaction(self.store):
            try:
                refreshed = self._refresh(client, token, read, now)
            except TokenRequestError as error:
                refusal = error  # and a family that ended has ended: this is committed
            else:
                yield refreshed
                return
        raise refusal

    def revoke(self, client: Client, token: str) -> None:
        """End the family of a refresh token of this client, access tokens too, and tell of it.

        Whichever token of the family it is: a client that holds an old one wants the same.

        Raises:
            RefreshTokenInvalidError: There is no such token of this client.
            RefreshStoreUnavailableError: It cannot be told, or cannot be ended.

        Source: RFC 7009, section 2.1.
        """
        with one_transaction(self.store):
            family = self._family(client, token)
            for ended in self.store.end(family_id=family.family_id):
                send(token_revoked, client=client, revoked=ended)

    def end(self, token: str) -> RefreshFamily:
        """End the family of a refresh token, whichever client it was issued to, and return it.

        Raises:
            RefreshTokenInvalidError: There is no such token.
            RefreshStoreUnavailableError: It cannot be told, or cannot be ended.
        """
        with one_transaction(self.store):
            family = self.store.find(_handle_sha256(token))
            self.store.end(family_id=family.family_id)
        return family

    def inspect(self, client: Client, token: str, now: datetime) -> tuple[RefreshFamily, int]:
        """Return the family of a refresh token that is good for this client, and until when.

        The token is not used by that, and nothing ends.

        Raises:
            RefreshTokenInvalidError: It is not good.
            RefreshStoreUnavailableError: It cannot be told.
        """
        family = self._family(client, token)
        if self.token_user(client, family.subject, None) is None:
            raise RefreshTokenInvalidError("the account, or the consent to the client, has ended")
        try:
            self.valid_after.check(family.started_at, client.client_id, family.subject, None)
        except TokenRevokedError as error:
            raise RefreshTokenInvalidError(str(error)) from error
        expires_at = self.store.good_until(
            _handle_sha256(token),
            sha256(token),
            grace=int(GRACE.total_seconds()),
            now=int(now.timestamp()),
        )
        return family, expires_at

    def _family(self, client: Client, token: str) -> RefreshFamily:
        family = self.store.find(_handle_sha256(token))
        if family.client_id != client.client_id:
            raise RefreshTokenInvalidError("the refresh token was issued to another client")
        return family

    def _refresh(
        self, client: Client, token: str, read: ParameterReader, now: datetime
    ) -> Refreshed:
        family = self._family(client, token)
        grant = _narrowed(family, read)
        successor = self._rotate(client, family, token, now)
        user = self.token_user(client, family.subject, None)
        if user is None:
            self.store.end(family_id=family.family_id)
            raise RefreshTokenInvalidError("the account, or the consent to the client, has ended")
        issued_at = self._still_good(family)
        user = replace(user, session_id=family.session_id)
        send(tokens_issued, user=user, client=client, grant=grant)
        return Refreshed(grant, user, successor, issued_at)

    def _still_good(self, family: RefreshFamily) -> datetime:
        """Return the date of what it is exchanged for now; end a family that was taken back."""
        try:
            return self.valid_after.successor(
                family.started_at, family.client_id, family.subject, None
            )
        except TokenRevokedError as error:
            self.store.end(family_id=family.family_id)
            raise RefreshTokenInvalidError(str(error)) from error

    def _rotate(self, client: Client, family: RefreshFamily, token: str, now: datetime) -> str:
        successors = [_successor(secret, token) for secret in self.successor_secrets]
        expires_at, forget_at = _limits(family, now)
        try:
            newest = self.store.rotate(
                _handle_sha256(token),
                sha256(token),
                sha256(successors[0]),
                grace=int(GRACE.total_seconds()),
                expires_at=expires_at,
                forget_at=forget_at,
                now=int(now.timestamp()),
            )
        except RefreshTokenReusedError:
            send(refresh_token_reused, client=client, family=family)
            raise
        for successor in successors:
            if sha256(successor) == newest:
                return successor
        # Two processes, one of which does not know the other's secret key yet.
        raise RefreshTokenInvalidError("the successor was made with a key that is not known here")


def derived_secret(secret_key: str | bytes) -> bytes:
    """Derive the secret for refresh tokens from a secret key of the application."""
    key = secret_key.encode() if isinstance(secret_key, str) else secret_key
    return hmac.digest(key, _LABEL, "sha256")


def _successor(secret: bytes, token: str) -> str:
    value = hmac.digest(secret, token.encode(), hashlib.sha256)
    return token[:_HANDLE_LENGTH] + base64url.encode(value)


def _handle_sha256(token: str) -> str:
    return sha256(token[:_HANDLE_LENGTH])


def _limits(family: RefreshFamily, now: datetime) -> tuple[int, int]:
    """Return until when a token that is made now is good, and when the family is forgotten."""
    expires_at = min(now + IDLE_LIMIT, family.started_at + ABSOLUTE_LIMIT)
    return int(expires_at.timestamp()), int((expires_at + REMEMBERED).timestamp())


def _narrowed(family: RefreshFamily, read: ParameterReader) -> RefreshFamily:
    """Return what a request asks for of what was granted.

    Sources: RFC 6749, sections 3.3 and 6; RFC 8707, section 2.2.
    """
    check_resources(read, family.audience)
    unverified_scope = read.text("scope")
    if unverified_scope is None:
        return family
    # Some libraries ask for the same words whatever was granted: more than that is no error.
    scope = family.scope & frozenset(unverified_scope.split(" "))
    if not scope:
        raise TokenRequestError("scope: nothing of it was granted", error="invalid_scope")
    return family._replace(scope=scope, access_scope=family.access_scope & scope)
