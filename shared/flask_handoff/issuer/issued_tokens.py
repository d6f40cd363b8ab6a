"""Access tokens that this issuer has minted: which of them still hold, and how one is revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from flask_handoff.claims import AccessClaims, Clock, SignedInUser, UnverifiedToken
from flask_handoff.errors import AccessTokenError, ClientUnknownError
from flask_handoff.keys import IssuerKeys
from flask_handoff.profiles import ACCESS
from flask_handoff.signals import token_revoked
from flask_handoff.stores import Revocations, RevocationStore, RevokedTokenStore
from flask_handoff.tokens import (
    AccessTokenVerifier,
    GenuineTokens,
    IssuedTokenVerifier,
    TokenMinter,
)
from flask_handoff.web.bearer import about
from flask_handoff.web.events import send

from .clients import Client, ClientSource
from .codes import Codes
from .grants import one_transaction
from .valid_after import ValidAfterRule

REMEMBERED = ACCESS.leeway + timedelta(seconds=60)
"""So long after it expires, a revoked access token is known to be dead."""


class IssuedTokens(NamedTuple):
    """What an issuer needs that is asked about the access tokens it has minted."""

    store: RevokedTokenStore
    verifier: IssuedTokenVerifier

    @classmethod
    def of(cls, store: RevokedTokenStore | None, own: AccessTokenVerifier) -> Self | None:
        """Return None without a store.

        Args:
            own: Verifies those for the issuer itself.
        """
        if store is None:
            return None
        verifier = IssuedTokenVerifier(
            issuer=own.issuer,
            audience=own.audience,
            keys=own.keys,
            revocations=own.revocations,
            genuine=own.genuine,
            clock=own.clock,
        )
        return cls(store, verifier)

    def revoke(self, client: Client, unverified_token: UnverifiedToken, now: datetime) -> None:
        """Revoke an access token that was issued to this client, and tell the application.

        The refresh token beside it lives on: clients revoke an old access token after a refresh.

        Raises:
            HandoffRejectedError: It is none that still holds.
            AccessTokenError: It was issued to another client.
            DependencyUnavailableError: It cannot be told, or cannot be noted.

        Source: RFC 7009, section 2.1.
        """
        claims = self.verifier.verify(unverified_token)
        if claims.client_id != client.client_id:
            raise ended(claims, "it was issued to another client")
        forget_at = int((claims.expires_at + REMEMBERED).timestamp())
        with one_transaction(self.store):
            if self.store.revoke(claims.jwt_id, forget_at=forget_at, now=int(now.timestamp())):
                send(token_revoked, client=client, revoked=claims)

    def end(self, unverified_token: UnverifiedToken, now: datetime) -> AccessClaims:
        """Revoke an access token, whichever client it was issued to, and return what it was.

        Raises:
            HandoffRejectedError, DependencyUnavailableError: As ``revoke``.
        """
        claims = self.verifier.verify(unverified_token)
        forget_at = int((claims.expires_at + REMEMBERED).timestamp())
        self.store.revoke(claims.jwt_id, forget_at=forget_at, now=int(now.timestamp()))
        return claims


class _OwnRevocations(NamedTuple):
    """What an issuer itself asks: what took everything back, and what took back this token."""

    valid_after: ValidAfterRule
    stores: Revocations

    def check_not_revoked(self, claims: AccessClaims, token: UnverifiedToken) -> None:
        """Check that an access token was not revoked, see ``RevocationCheck``."""
        self.valid_after.check(
            claims.issued_at, claims.client_id, claims.subject, claims.session_id
        )
        self.stores.check_not_revoked(claims, token)


def own_tokens(
    issuer: str,
    keys: IssuerKeys,
    stores: Iterable[RevocationStore | None],
    valid_after: ValidAfterRule,
    clock: Clock,
) -> tuple[TokenMinter, AccessTokenVerifier]:
    """Make what mints tokens, and what verifies the access tokens that are for the issuer itself.

    A signature that was made here is known to be good.
    """
    genuine = GenuineTokens()
    minter = TokenMinter(issuer=issuer, key_ring=keys, genuine=genuine, clock=clock)
    revocations = _OwnRevocations(valid_after, Revocations(*stores))
    verifier = AccessTokenVerifier(
        issuer=issuer,
        audience=issuer,
        keys=keys,
        revocations=revocations,
        genuine=genuine,
        clock=clock,
    )
    return minter, verifier


def user_of(
    claims: AccessClaims, clients: ClientSource, codes: Codes | None
) -> SignedInUser | None:
    """Return whom a genuine access token is about, as they are now; None for a service itself.

    Raises:
        AccessTokenError: The client, the session, the account or the consent has ended since.
        DependencyUnavailableError: It cannot be told.
    """
    try:
        client = clients.client(claims.client_id)
    except ClientUnknownError:
        raise ended(claims, "its client is not registered any more") from None
    if claims.subject == claims.client_id:
        return None
    if codes is None or (claims.session_id is None and codes.refresh_tokens is None):
        raise ended(claims, "no user's session has granted it")
    user = codes.token_user(client, claims.subject, claims.session_id)
    if user is None:
        raise ended(claims, "its session, its account or the consent to it has ended")
    return user


def ended(claims: AccessClaims, reason: str) -> AccessTokenError:
    """Make the error of an access token that is genuine and good for nothing here."""
    return about(claims, AccessTokenError(reason, error="invalid_token", status=401))
