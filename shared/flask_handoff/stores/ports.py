"""Remembers which tokens were used, so that none is used twice, and which sessions have ended.

A claim is one atomic step. To look first and write afterwards lets two requests through at once.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from flask_handoff.claims import CodeGrant, HandoffClaims, Logout


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

        A logout that named the session counts whatever the dates say; one that named the account
        counts for what was issued until then.

        Raises:
            SessionEndedError: It has.
            ReplayStoreUnavailableError: It is not known; nobody may be signed in.
        """


class RevocationStore(Protocol):
    """What a receiver of access tokens asks of a store, where it can ask one."""

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that an access token was not revoked, such as by a second use of its code.

        Raises:
            TokenRevokedError: It was.
            DependencyUnavailableError: It is not known; nobody may be let in.
        """


class CodeStore(RevocationStore, Protocol):
    """What an issuer asks of a store of authorization codes. Instants are seconds since 1970.

    One that is lent the application's transactions has a function ``transaction`` as well, which
    makes the context in which a code is redeemed and the application is asked whose it is.

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
            CodeReplayedError: It was redeemed before.
            CodeStoreUnavailableError: It is not known.
        """
        ...

    def end(self, *, subject: str, client_id: str) -> None:
        """End the codes that a user let a client have, and the access tokens that came of them.

        For whoever withdraws a consent: without it, a new consent would give back what was issued
        under the old one, with a scope that the new one may not cover.

        Raises:
            CodeStoreUnavailableError: It cannot be written.
        """

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            CodeStoreUnavailableError: It is out of reach, or cannot be written to.
        """
