"""Remembers used tokens, and ended sessions, in the memory of one process."""

from __future__ import annotations

import heapq
import threading
from datetime import datetime

from flask_handoff.claims import HandoffClaims, Logout
from flask_handoff.errors import (
    ReplayStoreUnavailableError,
    SessionEndedError,
    TokenReplayedError,
)

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
