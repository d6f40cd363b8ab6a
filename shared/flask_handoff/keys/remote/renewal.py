"""The issuer's key set as one process holds it, and the thread that keeps it current.

Every fetch happens in that thread. So a known key never waits for the network, there is never more
than one fetch at a time, and a caller who does wait can leave at the deadline.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask_handoff.errors import HandoffError, JWKSMalformedError, JWKSUnavailableError
from flask_handoff.keys.verification_key import VerificationKey

from .pace import RENEWAL_SHARE, Pace

MOST_WAITING = 16  # callers at once; a flood of strangers must not hold every thread of a server
CROWD_PATIENCE = timedelta(seconds=1)  # of those beyond, and only while there is no key for anybody

_logger = logging.getLogger("flask_handoff")


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one good answer.

    Args:
        keys: By ``kid``, at least one.
        clock_difference: The issuer's clock minus ours, to a second or two; None if it told none.
    """

    keys: Mapping[str, VerificationKey]
    clock_difference: timedelta | None


@dataclass(frozen=True, slots=True)
class _Held:
    key_set: KeySet
    asked_at: float  # when the request began: the set cannot be older than that


class KeyRenewal:
    """Holds the issuer's key set for one process and renews it in a thread of its own.

    The thread starts at the first question and ends with ``stop``.

    Args:
        obtain: Gets the set from the issuer; raises whatever it likes.
        pace: How often, how long.
        source: What the log calls the issuer's endpoint.
        monotonic: Tells seconds that never run backwards, in every process alike.
    """

    def __init__(
        self,
        obtain: Callable[[], KeySet],
        pace: Pace,
        *,
        source: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._obtain = obtain
        self._pace = pace
        self._source = source
        self._monotonic = monotonic
        self._lifetime = pace.lifetime.total_seconds()
        self._interval = pace.interval.total_seconds()
        self._patience = pace.patience.total_seconds()
        self._stale = pace.stale.total_seconds()

        self._held: _Held | None = None
        self._due_at = -math.inf
        self._begun_at = -math.inf
        self._awaited_until = -math.inf
        self._failed_at = -math.inf
        self._all_withdrawn = False
        self._failure = "it has not ended"

        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._in_flight = False
        self._obsolete = False
        self._finished = 0
        self._waiting = 0
        self._stopped = False

    def for_child(self) -> KeyRenewal:
        """Begin anew in a forked process with the keys held: thread and lock did not come along."""
        child = KeyRenewal(self._obtain, self._pace, source=self._source, monotonic=self._monotonic)
        child._hold(self._held)
        child._all_withdrawn = self._all_withdrawn
        return child

    @property
    def clock_difference(self) -> timedelta | None:
        """The issuer's clock minus ours, as of the last good answer."""
        held = self._held
        return held.key_set.clock_difference if held is not None else None

    @property
    def kids(self) -> frozenset[str]:
        """The names of the keys of the last good answer."""
        held = self._held
        return frozenset(held.key_set.keys) if held is not None else frozenset()

    def keys(self) -> Mapping[str, VerificationKey]:
        """Return the keys that may be used now, by ``kid``.

        Waits for an attempt only when no set is held, or when the one held is past its lifetime and
        nobody has lately tried to get a newer one.

        Raises:
            JWKSUnavailableError: No set is held, or it is past its lifetime and the stale limit, or
                past its lifetime and the issuer has withdrawn all of its keys.
        """
        held, now = self._held, self._monotonic()
        if held is None or not self._may_be_used_unasked(held, now):
            self.ask()
            held, now = self._held, self._monotonic()
        elif now >= self._due_at or self._thread is None:
            self._wake()
        if held is None or now >= self._over_at(held):
            raise JWKSUnavailableError(
                f"no usable key of the issuer is held; the last attempt to get one: {self._failure}"
            )
        return held.key_set.keys

    def ask(self) -> None:
        """Wait for the attempt in flight, or for one that may begin now; else return at once.

        Says nothing of the outcome, which ``keys`` shows. Nobody waits past the attempt's patience.
        Beside ``MOST_WAITING`` others a caller waits a second while there is no key for anybody, as
        when all come at once to a server that has just started; else not at all.
        """
        with self._changed:
            if self._stopped or not self._has_a_thread():
                return
            if not self._in_flight:
                if self._monotonic() < self._begun_at + self._interval:
                    return
                self._begin()
            self._wait(self._patience_left())

    def forget(self) -> None:
        """Drop the keys that are held; the next question fetches at once.

        An answer that is on its way may be older than the reason to forget: it is dropped as well,
        and asked for again.
        """
        _logger.info("jwks_keys_forgotten jwks_uri=%s", self._source)
        with self._changed:
            self._held = None
            self._begun_at = -math.inf
            self._awaited_until = self._monotonic() + self._patience
            self._obsolete = self._in_flight

    def stop(self, *, patience: timedelta = timedelta()) -> None:
        """End the thread. Harmless when there is none, and in another process than its own.

        Args:
            patience: How long to wait for the end of the attempt in flight.
        """
        if self._pid != os.getpid():
            return  # The lock may have been held when the process was forked, and stays held.
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None and patience:
            self._thread.join(patience.total_seconds())

    def _may_be_used_unasked(self, held: _Held, now: float) -> bool:
        expires_at = held.asked_at + self._lifetime
        if now < expires_at:
            return True
        # Past its time it is used only on the evidence that no newer set is available.
        evidence = self._failed_at >= expires_at - 2 * self._interval
        return evidence and now < self._over_at(held)

    def _over_at(self, held: _Held) -> float:
        # An outage says nothing about the keys; a set without any says that none is trusted.
        stale = 0.0 if self._all_withdrawn else self._stale
        return held.asked_at + self._lifetime + stale

    def _patience_left(self) -> float:
        held, now = self._held, self._monotonic()
        left = max(self._awaited_until - now, 0)
        if self._waiting < MOST_WAITING:
            return left
        if held is not None and self._may_be_used_unasked(held, now):
            return 0
        return min(left, CROWD_PATIENCE.total_seconds())

    def _wait(self, seconds: float) -> None:
        finished = self._finished
        self._waiting += 1
        try:
            self._changed.wait_for(
                lambda: self._stopped or self._finished != finished,
                timeout=seconds,
            )
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        with self._changed:
            if self._has_a_thread():
                self._changed.notify_all()

    def _has_a_thread(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True
        thread = threading.Thread(target=self._renew, name="jwks-renewal", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The system gives no more threads: held keys still serve, nobody waits in vain.
            self._failure = "no thread could be started"
            return False
        self._thread = thread
        return True

    def _renew(self) -> None:
        while self._wait_until_due():
            self._attempt()

    def _wait_until_due(self) -> bool:
        with self._changed:
            while not self._stopped and not self._in_flight:
                pause = self._due_at - self._monotonic()
                if pause <= 0:
                    self._begin()
                else:
                    self._changed.wait(min(pause, threading.TIMEOUT_MAX))
            return not self._stopped

    def _begin(self) -> None:
        self._in_flight = True
        self._begun_at = self._monotonic()
        self._due_at = self._begun_at + self._interval
        self._awaited_until = self._begun_at + self._patience
        self._changed.notify_all()

    def _attempt(self) -> None:
        try:
            key_set = self._obtain()
        except Exception as error:
            # Whatever it was, it is one failed attempt; this thread has to live on.
            self._fail(error)
        else:
            self._accept(key_set)

    def _accept(self, key_set: KeySet) -> None:
        known = self._held.key_set.keys.keys() if self._held is not None else set()
        added, removed = key_set.keys.keys() - known, known - key_set.keys.keys()
        if added or removed:
            _logger.info(
                "jwks_keys_changed jwks_uri=%s added=%s removed=%s",
                self._source,
                ",".join(sorted(added)) or "-",
                ",".join(sorted(removed)) or "-",
            )
        with self._changed:
            if self._obsolete:
                self._obsolete = False
                self._begin()
                return
            self._hold(_Held(key_set, self._begun_at))
            self._all_withdrawn = False
            self._end()

    def _hold(self, held: _Held | None) -> None:
        self._held = held
        if held is not None:
            self._due_at = max(self._due_at, held.asked_at + RENEWAL_SHARE * self._lifetime)

    def _fail(self, error: Exception) -> None:
        # The text of a foreign exception may hold what the endpoint sent.
        reason = str(error) if isinstance(error, HandoffError) else type(error).__name__
        _logger.warning("jwks_fetch_failed jwks_uri=%s reason=%s", self._source, reason)
        with self._changed:
            self._failed_at = self._monotonic()
            self._failure = reason
            if isinstance(error, JWKSMalformedError) and error.holds_no_key:
                self._all_withdrawn = True
            self._end()

    def _end(self) -> None:
        self._in_flight = False
        self._obsolete = False
        self._finished += 1
        self._changed.notify_all()
