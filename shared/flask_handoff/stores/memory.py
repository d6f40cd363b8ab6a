"""Remembers which tokens were used, so that none is used twice, and which sessions have ended.

A claim is one atomic step. To look first and write afterwards lets two requests through at once.
"""

from __future__ import annotations

import heapq
import threading
from datetime import datetime
from typing import Protocol, runtime_checkable

from .claims import HandoffClaims, Logout
from .errors import (
    ConfigurationError,
    ReplayStoreUnavailableError,
    SessionEndedError,
    TokenReplayedError,
)

_SWEPT_A_CLAIM = 2  # expired entries go for one that comes, so that none pile up


class ReplayStore(Protocol):
    """What a receiver asks of a store. Instants are whole seconds since 1970.

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
            ReplayStoreUnavailableError: It cannot be told; nobody may be signed in.
        """

    def ready(self) -> None:
        """Return when the store can be used.

        Raises:
            ReplayStoreUnavailableError: It is out of reach, or cannot be written to.
        """


@runtime_checkable
class LogoutStore(Protocol):
    """What a receiver that is told of log-outs asks of a store; both stores here can do it.

    A handoff that was minted before a log-out may be redeemed after it. Its session is over.
    """

    def note_logout(self, logout: Logout, *, expires_at: int, now: int) -> None:
        """Remember which sessions have ended; of two log-outs of one account the later one counts.

        Args:
            logout: Names the session, or the account where it names no session.
            expires_at: It is remembered up to and including this second.
            now: The present second.

        Raises:
            ReplayStoreUnavailableError: It cannot be written.
        """

    def check_session(self, claims: HandoffClaims) -> None:
        """Check that the session which a handoff came from has not ended.

        A log-out that named the session counts whatever the dates say; one that named the account
        counts for what was issued until then.

        Raises:
            SessionEndedError: It has.
            ReplayStoreUnavailableError: It cannot be told; nobody may be signed in.
        """


class MemoryReplayStore:
    """Remembers in this process only: for tests, and for servers of exactly one process.

    It forgets at a restart, so a token can then be used again until it expires.

    Args:
        capacity: How many unexpired tokens it holds. A full store refuses everybody; it never
            forgets a token that could still be used.

    Raises:
        ConfigurationError: The capacity is not a positive number.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        if capacity < 1:
            raise ConfigurationError(
                f"A replay store of capacity {capacity} holds nothing.",
                "Give it room for every handoff of three minutes, such as 100000.",
            )
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
        name = (logout.issuer, *logout.named_by)
        with self._lock:
            kept = {key: noted for key, noted in self._logouts.items() if noted[1] >= now}
            ended_at, until = kept.get(name, (logout.ended_at, expires_at))
            kept[name] = (max(ended_at, logout.ended_at), max(until, expires_at))
            self._logouts = kept

    def check_session(self, claims: HandoffClaims) -> None:
        """Check that the session has not ended, see ``LogoutStore.check_session``."""
        of_session = self._logouts.get((claims.issuer, "sid", claims.session_id or ""))
        of_account = self._logouts.get((claims.issuer, "sub", claims.subject))
        if of_account is not None and claims.issued_at > of_account[0]:
            of_account = None
        if noted := of_session or of_account:
            raise SessionEndedError("the session at the issuer has ended", ended_at=noted[0])

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _sweep(self, now: int) -> None:
        for _ in range(_SWEPT_A_CLAIM):
            if not self._by_expiry or self._by_expiry[0][0] >= now:
                return
            _, token = heapq.heappop(self._by_expiry)
            self._claimed.discard(token)
