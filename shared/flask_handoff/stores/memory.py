"""Stores in the memory of one process."""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from flask_handoff.claims import CodeGrant, HandoffClaims, Logout
from flask_handoff.errors import (
    CodeInvalidError,
    CodeReplayedError,
    CodeStoreUnavailableError,
    ReplayStoreUnavailableError,
    RevokedTokenStoreUnavailableError,
    SessionEndedError,
    TokenReplayedError,
    TokenRevokedError,
)

from .ended import GOES_ON, ending, kept_logout

_SWEPT_A_CLAIM = 2  # expired entries go for one that comes, so that none pile up


class MemoryReplayStore:
    """Remembers in this process only: for tests, and for servers of exactly one process.

    It forgets at a restart, so a token can then be used again until it expires.

    Args:
        capacity: How many unexpired tokens it holds, for every handoff of three minutes. A full
            store refuses everybody; it never forgets a token that could still be used.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._claimed: set[tuple[str, str]] = set()
        self._by_expiry: list[tuple[int, tuple[str, str]]] = []
        self._logouts: dict[tuple[str, str, str], tuple[datetime, int]] = {}
        self._lock = threading.Lock()

    def claim(self, issuer: str, jwt_id: str, *, expires_at: int, now: int) -> None:
        """Win this token, once, see ``ReplayStore.claim``."""
        token = (issuer, jwt_id)
        with self._lock:
            if token in self._claimed:
                raise TokenReplayedError("the token was used before")
            self._sweep(now)
            # To make room by forgetting an unexpired token would let that one in again.
            if len(self._claimed) >= self._capacity:
                raise ReplayStoreUnavailableError(
                    f"the store in memory is full of {self._capacity} unexpired tokens"
                )
            self._claimed.add(token)
            heapq.heappush(self._by_expiry, (expires_at, token))

    def note_logout(self, logout: Logout, *, expires_at: int, now: int) -> None:
        """Remember which sessions have ended, see ``LogoutStore.note_logout``."""
        claim, value, at = kept_logout(logout)
        name = (logout.issuer, claim, value)
        with self._lock:
            kept = {key: noted for key, noted in self._logouts.items() if noted[1] >= now}
            noted_at, until = kept.get(name, (at, expires_at))
            kept[name] = (max(noted_at, at), max(until, expires_at))
            self._logouts = kept

    def check_session(self, claims: HandoffClaims) -> None:
        """Check that the session has not ended, see ``LogoutStore.check_session``."""
        of_session = self._logouts.get((claims.issuer, "sid", claims.session_id or ""))
        before = self._logouts.get((claims.issuer, GOES_ON, claims.session_id or ""))
        if before is not None and claims.issued_at >= before[0]:
            before = None
        of_account = self._logouts.get((claims.issuer, "sub", claims.subject))
        if of_account is not None and claims.issued_at > of_account[0]:
            of_account = None
        if noted := of_session or before or of_account:
            raise SessionEndedError("the session at the issuer has ended", ended_at=noted[0])

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _sweep(self, now: int) -> None:
        for _ in range(_SWEPT_A_CLAIM):
            if not self._by_expiry or self._by_expiry[0][0] >= now:
                return
            _, token = heapq.heappop(self._by_expiry)
            self._claimed.discard(token)


@dataclass(slots=True, eq=False, repr=False)
class _Code:
    """What a code stands for, and for how long."""

    grant: CodeGrant
    expires_at: int
    forget_at: int
    is_redeemed: bool = False


class MemoryCodeStore:
    """Keeps codes in this process only: for tests, and for servers of exactly one process.

    Args:
        capacity: How many codes it holds, each for eleven minutes. A full store issues none.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._codes: dict[str, _Code] = {}  # in the order in which they are forgotten
        self._revoked: set[str] = set()
        self._lock = threading.Lock()

    def keep(
        self, code_sha256: str, grant: CodeGrant, *, expires_at: int, forget_at: int, now: int
    ) -> None:
        """Keep what a code stands for, see ``CodeStore.keep``."""
        with self._lock:
            self._sweep(now)
            if len(self._codes) >= self._capacity:
                raise CodeStoreUnavailableError(
                    f"the store in memory is full of {self._capacity} codes"
                )
            self._codes[code_sha256] = _Code(grant, expires_at, forget_at)

    def redeem(self, code_sha256: str, *, now: int) -> CodeGrant:
        """Win a code, once, see ``CodeStore.redeem``."""
        with self._lock:
            code = self._codes.get(code_sha256)
            if code is not None and code.is_redeemed:
                self._revoked.add(code.grant.jwt_id)
                raise CodeReplayedError("the code was used before", jwt_id=code.grant.jwt_id)
            if code is None or code.expires_at <= now:
                raise CodeInvalidError("the code is unknown, or has expired")
            code.is_redeemed = True
            return code.grant

    def end(
        self,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        audience: str | None = None,
    ) -> None:
        """End codes and what came of them, see ``CodeStore.end``."""
        wanted = ending(subject=subject, client_id=client_id, audience=audience)
        with self._lock:
            for code_sha256, code in list(self._codes.items()):
                if any(getattr(code.grant, name) != value for name, value in wanted.items()):
                    continue
                if code.is_redeemed:
                    self._revoked.add(code.grant.jwt_id)
                else:
                    del self._codes[code_sha256]

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that an access token lives, see ``CodeStore.check_not_revoked``."""
        if jwt_id in self._revoked:
            raise TokenRevokedError("the code of this access token was used twice, or ended")

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _sweep(self, now: int) -> None:
        for code_sha256 in list(islice(self._codes, _SWEPT_A_CLAIM)):
            code = self._codes[code_sha256]
            if code.forget_at < now:
                del self._codes[code_sha256]
                self._revoked.discard(code.grant.jwt_id)


class MemoryRevokedTokenStore:
    """Remembers in this process only: for tests, and for servers of exactly one process.

    Args:
        capacity: How many access tokens it holds, each for eleven minutes. A full store revokes
            none.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._forget_at: dict[str, int] = {}  # in the order in which they were revoked
        self._lock = threading.Lock()

    def revoke(self, jwt_id: str, *, forget_at: int, now: int) -> bool:
        """Revoke an access token, see ``RevokedTokenStore.revoke``."""
        with self._lock:
            if jwt_id in self._forget_at:
                return False
            self._sweep(now)
            if len(self._forget_at) >= self._capacity:
                raise RevokedTokenStoreUnavailableError(
                    f"the store in memory is full of {self._capacity} revoked tokens"
                )
            self._forget_at[jwt_id] = forget_at
            return True

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that an access token lives, see ``RevocationStore``."""
        if jwt_id in self._forget_at:
            raise TokenRevokedError("the client of this access token has revoked it")

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _sweep(self, now: int) -> None:
        for jwt_id in list(islice(self._forget_at, _SWEPT_A_CLAIM)):
            if self._forget_at[jwt_id] < now:
                del self._forget_at[jwt_id]
