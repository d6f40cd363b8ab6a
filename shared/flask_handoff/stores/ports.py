"""Remembers which tokens were used, so that none is used twice, and which sessions have ended.

A claim is one atomic step. To look first and write afterwards lets two requests through at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from flask_handoff.claims import (
    CodeGrant,
    HandoffClaims,
    Logout,
    RefreshFamily,
)

FAMILY_ID_LENGTH = 24  # characters: the first of the ``jti`` of each access token of a family


class ReplayStore(Protocol):
    """What a receiver asks of a store. Instants are whole seconds since 1970.

    One that is lent the application's transactions has a function ``transaction`` as well. It makes
    the context in which a token is claimed and ``sign_in`` is called: both hold, or neither does.

    Source: RFC 7519, section 4.1.7.
    """

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, for good.

        Args:
            issuer: Who minted it, at most 255 characters.
            jwt_id: Its identifier, at most 261 characters; only the pair of both is unique.
            expires_at: It is remembered up to and including this second.
            now: The present second.

        Raises:
            TokenReplayedError: It was won before.
            ReplayStoreUnavailableError: It is not known; nobody may be signed in.
        """

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            ReplayStoreUnavailableError: It is out of reach, or cannot be written to.
        """


@runtime_checkable
class HasTables(Protocol):
    """A store of this library in a database."""

    def check_tables(self, *names: str) -> None:
        """Write to each table, and take it back, see ``SQLStore``."""


@runtime_checkable
class LogoutStore(Protocol):
    """What a receiver that is notified of logouts asks of a store; both stores here can do it.

    A handoff that was minted before a logout may be redeemed after it. Its session has ended.
    """

    def note_logout(self, logout: Logout, *, expires_at: int, now: int) -> None:
        """Remember which sessions have ended; of two logouts of one account the later one counts.

        Args:
            logout: Names the session, or the account where it names no session.
            expires_at: It is remembered up to and including this second.
            now: The present second.

        Raises:
            ReplayStoreUnavailableError: It cannot be written.
        """

    def check_session(self, claims: HandoffClaims) -> None:
        """Check that the session which a handoff came from has not ended.

        A logout that named the session counts whatever the dates say, or for what was issued before
        its ``valid_after``; one that named the account counts for what was issued until then.

        Raises:
            SessionEndedError: It has.
            ReplayStoreUnavailableError: It is not known; nobody may be signed in.
        """


class RevocationStore(Protocol):
    """What an issuer asks of its own store about an access token that it issued."""

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that an access token was not revoked, such as by a second use of its code.

        Raises:
            TokenRevokedError: It was.
            DependencyUnavailableError: It is not known; nobody may be let in.
        """


class RevokedTokenStore(RevocationStore, Protocol):
    """What an issuer asks of a store of access tokens that were revoked one by one.

    One that is lent the application's transactions has a function ``transaction`` as well, which
    makes the context in which a token is revoked and the application is told; and ``reading``, in
    which all is asked about a token that is introspected.

    Source: RFC 7009, section 2.
    """

    def revoke(self, jwt_id: str, *, forget_at: int, now: int) -> bool:
        """Revoke an access token, and tell whether it was not revoked before.

        Args:
            forget_at: It is remembered up to and including this second since 1970.
            now: The present second.

        Raises:
            RevokedTokenStoreUnavailableError: It cannot be written.
        """
        ...

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            RevokedTokenStoreUnavailableError: It is out of reach, or cannot be written to.
        """


class CodeStore(RevocationStore, Protocol):
    """What an issuer asks of a store of authorization codes. Instants are seconds since 1970.

    One that is lent the application's transactions has a function ``transaction`` as well, which
    makes the context in which a code is redeemed and the application is asked whose it is; and
    ``reading``, in which both are asked about an access token.

    Sources: RFC 6749, sections 4.1.2 and 10.5.
    """

    def keep(
        self, code_sha256: str, grant: CodeGrant, *, expires_at: int, forget_at: int, now: int
    ) -> None:
        """Keep what a code stands for.

        Args:
            code_sha256: The code's SHA-256, hexadecimal; the code itself is kept nowhere.
            expires_at: From this second on it is not redeemed.
            forget_at: It is remembered up to and including this second, so that a second use is
                noticed as long as the access token could be used.
            now: The present second.

        Raises:
            CodeStoreUnavailableError: It cannot be written.
        """

    def redeem(self, code_sha256: str, *, now: int) -> CodeGrant:
        """Win a code, once, and return what it stands for. A second use revokes what came of it.

        Raises:
            CodeInvalidError: There is no such code, or it has expired.
            CodeReplayedError: It was redeemed before; with the ``jwt_id`` of its access token.
            CodeStoreUnavailableError: It is not known.
        """
        ...

    def end(
        self,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        audience: str | None = None,
    ) -> None:
        """End the codes that all of what is given holds for, and the tokens that came of them.

        For whoever withdraws a consent or a grant: without it, a new one would give back what was
        issued under the old one, with a scope that the new one may not cover.

        Raises:
            ValueError: Neither an account nor a client is named.
            CodeStoreUnavailableError: It cannot be written.
        """

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            CodeStoreUnavailableError: It is out of reach, or cannot be written to.
        """


class RefreshStore(RevocationStore, Protocol):
    """What an issuer asks of a store of refresh tokens: one row a family. Instants are seconds.

    One that is lent the application's transactions has a function ``transaction`` as well, which
    makes the context in which a token is exchanged and the application is asked whose it is.

    Sources: RFC 6749, sections 6 and 10.4; RFC 9700, section 4.14.2.
    """

    def start(
        self,
        family: RefreshFamily,
        *,
        handle_sha256: str,
        token_sha256: str,
        expires_at: int,
        forget_at: int,
        now: int,
    ) -> None:
        """Keep a new family.

        Args:
            handle_sha256: SHA-256 of what all of its tokens begin with, hexadecimal.
            token_sha256: SHA-256 of its first token; a token itself is kept nowhere.
            expires_at: From this second on its newest token is not good any more.
            forget_at: It is remembered up to and including this second, so that its access tokens
                are known to be dead as long as they could be used.
            now: The present second.

        Raises:
            RefreshStoreUnavailableError: It cannot be written.
        """

    def find(self, handle_sha256: str) -> RefreshFamily:
        """Return the family of a handle, whether it has ended or not.

        Raises:
            RefreshTokenInvalidError: There is none.
            RefreshStoreUnavailableError: It is not known.
        """

    def rotate(
        self,
        handle_sha256: str,
        presented_sha256: str,
        successor_sha256: str,
        *,
        grace: int,
        expires_at: int,
        forget_at: int,
        now: int,
    ) -> str:
        """Replace the newest token of a family, once, and return the hash of its newest then.

        The one before the newest changes nothing for *grace* seconds. Any other is used again.

        Args:
            successor_sha256: Of the token that replaces the one presented.
            expires_at, forget_at: Of the successor.

        Raises:
            RefreshTokenInvalidError: There is no such family, or it has ended or expired.
            RefreshTokenReusedError: The token was replaced before: the family has ended by this.
            RefreshStoreUnavailableError: It is not known.
        """

    def good_until(self, handle_sha256: str, presented_sha256: str, *, grace: int, now: int) -> int:
        """Return from which second on a token is not good any more, without using it.

        Raises:
            RefreshTokenInvalidError: ``rotate`` would refuse it; nothing ends by this.
            RefreshStoreUnavailableError: It is not known.
        """
        ...

    def end(
        self,
        *,
        family_id: str | None = None,
        subject: str | None = None,
        client_id: str | None = None,
    ) -> Sequence[RefreshFamily]:
        """End the families that all of what is given holds for, with their access tokens.

        Returns:
            Those that had not ended before; some may have expired.

        Raises:
            ValueError: Neither a family nor an account nor a client is named.
            RefreshStoreUnavailableError: It cannot be written.
        """

    def families_of(self, subject: str, *, now: int) -> Sequence[RefreshFamily]:
        """Return the living families of an account, the one that was used last first.

        Raises:
            RefreshStoreUnavailableError: It is not known.
        """

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            RefreshStoreUnavailableError: It is out of reach, or cannot be written to.
        """
