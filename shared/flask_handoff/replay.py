"""Remembers which tokens were used, so that none is used twice.

A claim is one atomic step. To look first and write afterwards lets two requests through at once.
"""

from __future__ import annotations

import heapq
import threading
from typing import Protocol

from .errors import ConfigurationError, ReplayStoreUnavailableError, TokenReplayedError

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

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _sweep(self, now: int) -> None:
        for _ in range(_SWEPT_A_CLAIM):
            if not self._by_expiry or self._by_expiry[0][0] >= now:
                return
            _, token = heapq.heappop(self._by_expiry)
            self._claimed.discard(token)
