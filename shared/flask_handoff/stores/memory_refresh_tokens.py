"""Families of refresh tokens in the memory of one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask_handoff.claims import RefreshFamily
from flask_handoff.errors import (
    RefreshStoreUnavailableError,
    RefreshTokenReusedError,
    TokenRevokedError,
)

from .ports import FAMILY_ID_LENGTH
from .rotation import FamilyState, good_until, newest_again, unknown


@dataclass(slots=True, eq=False, repr=False)
class _Family:
    """A family, how far it has rotated, and when it is forgotten."""

    family: RefreshFamily
    state: FamilyState
    forget_at: int


class MemoryRefreshStore:
    """Keeps families in this process only: for tests, and for servers of exactly one process.

    Args:
        capacity: How many families it holds, each for up to 30 days. A full store starts none.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._families: dict[str, _Family] = {}  # by the hash of the handle
        self._ended: dict[str, int] = {}  # until when it is remembered
        self._lock = threading.Lock()

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
        """Keep a new family, see ``RefreshStore.start``."""
        with self._lock:
            if len(self._families) >= self._capacity:
                self._sweep(now)
            if len(self._families) >= self._capacity:
                raise RefreshStoreUnavailableError(
                    f"the store in memory is full of {self._capacity} families"
                )
            used_at = int(family.used_at.timestamp())
            state = FamilyState(token_sha256, None, used_at, expires_at, ended=False)
            self._families[handle_sha256] = _Family(family, state, forget_at)

    def find(self, handle_sha256: str) -> RefreshFamily:
        """Return the family of a handle, see ``RefreshStore.find``."""
        return self._known(handle_sha256).family

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
        """Replace the newest token of a family, once, see ``RefreshStore.rotate``."""
        with self._lock:
            kept = self._known(handle_sha256)
            state = kept.state
            is_newest = presented_sha256 == state.token_sha256
            if is_newest and not state.ended and state.expires_at > now:
                kept.state = FamilyState(
                    successor_sha256, presented_sha256, now, expires_at, ended=False
                )
                kept.family = kept.family._replace(used_at=datetime.fromtimestamp(now, UTC))
                kept.forget_at = forget_at
                return successor_sha256
            try:
                return newest_again(state, presented_sha256, grace=grace, now=now)
            except RefreshTokenReusedError:
                self._end(kept)
                raise

    def good_until(self, handle_sha256: str, presented_sha256: str, *, grace: int, now: int) -> int:
        """Return until when a token is good, see ``RefreshStore.good_until``."""
        state = self._known(handle_sha256).state
        return good_until(state, presented_sha256, grace=grace, now=now)

    def end(
        self,
        *,
        family_id: str | None = None,
        subject: str | None = None,
        client_id: str | None = None,
    ) -> Sequence[RefreshFamily]:
        """End families, see ``RefreshStore.end``."""
        given = {"family_id": family_id, "subject": subject, "client_id": client_id}
        if not any(given.values()):
            raise ValueError("neither a family nor an account nor a client is named")
        wanted = {name: value for name, value in given.items() if value is not None}
        with self._lock:
            ending = [
                kept
                for kept in self._families.values()
                if not kept.state.ended
                and all(getattr(kept.family, name) == value for name, value in wanted.items())
            ]
            for kept in ending:
                self._end(kept)
        return [kept.family for kept in ending]

    def families_of(self, subject: str, *, now: int) -> Sequence[RefreshFamily]:
        """Return the living families of an account, see ``RefreshStore.families_of``."""
        with self._lock:
            living = [
                kept.family
                for kept in self._families.values()
                if kept.family.subject == subject
                and not kept.state.ended
                and kept.state.expires_at > now
            ]
        return sorted(living, key=lambda one: (-one.used_at.timestamp(), one.family_id))

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that the family of an access token lives, see ``RevocationStore``."""
        if jwt_id[:FAMILY_ID_LENGTH] in self._ended:
            raise TokenRevokedError("the refresh tokens beside this access token have ended")

    def ready(self) -> None:
        """Return: memory is always within reach."""

    def _known(self, handle_sha256: str) -> _Family:
        if (kept := self._families.get(handle_sha256)) is None:
            raise unknown()
        return kept

    def _end(self, kept: _Family) -> None:
        kept.state = kept.state._replace(ended=True)
        self._ended[kept.family.family_id] = kept.forget_at

    def _sweep(self, now: int) -> None:
        self._families = {
            handle: kept for handle, kept in self._families.items() if kept.forget_at >= now
        }
        self._ended = {one: until for one, until in self._ended.items() if until >= now}
