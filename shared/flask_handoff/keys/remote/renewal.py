"""The issuer's key set as one process holds it, and the thread that keeps it current.

Every fetch happens in that thread. So a known key never waits for the network, there is never more
than one fetch at a time, and a caller who does wait can leave at the deadline.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from flask_handoff.errors import HandoffError, JWKSMalformedError, JWKSUnavailableError
from flask_handoff.keys.verification_key import VerificationKey
from flask_handoff.redaction import as_log_field

FETCH_DEADLINE = timedelta(seconds=5)
ATTEMPT_INTERVAL = timedelta(seconds=10)  # from the start of one to the start of the next
FORCED_INTERVAL = timedelta(seconds=1)  # the same of two that ``forget`` has brought about
RENEWED_EARLY = 0.2  # of the lifetime: so that no caller meets an expired set
STALE_IF_ERROR = timedelta(seconds=3600)  # after expiry, while nothing newer is available
MOST_WAITING = 16  # callers at once; a flood of unknown keys must not hold every thread of a server

_logger = logging.getLogger("flask_handoff")


class HeldKeys(NamedTuple):
    """The usable keys of the last good answer."""

    keys: Mapping[str, VerificationKey]  # by ``kid``, at least one
    clock_difference: timedelta | None  # see ``JWKSClient.clock_difference``
    expires_at: float  # until then the set is used without a question
    serves_until: float  # until then it is used while attempts to renew it fail


class KeyRenewal:
    """Holds the issuer's key set for one process and renews it in a thread of its own.

    The thread starts at the first question and ends with ``stop``. A forked process starts its own,
    with the keys that its parent held.

    Args:
        obtain: Gets the keys and the difference between the clocks; raises whatever it likes.
        source: What the log calls the issuer's endpoint.
        lifetime, deadline, monotonic: See ``JWKSClient``.
    """

    def __init__(
        self,
        obtain: Callable[[], tuple[Mapping[str, VerificationKey], timedelta | None]],
        *,
        source: str,
        lifetime: timedelta,
        deadline: timedelta,
        monotonic: Callable[[], float],
    ) -> None:
        self._obtain = obtain
        self._source = source
        self._lifetime = lifetime.total_seconds()
        self._interval = min(ATTEMPT_INTERVAL, lifetime / 30).total_seconds()
        self._deadline = deadline.total_seconds()
        self._monotonic = monotonic
        self.held: HeldKeys | None = None
        self._failure = ""  # of the last attempt; empty after a good one
        self._stopped = False
        self._begin_anew()
        _renewals.add(self)

    def _begin_anew(self) -> None:
        # A fork copies neither the thread nor, as a rule, the lock in a usable state.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._begun_at = self._allowed_at = self._forced_at = -math.inf
        self._forced = False  # ``forget`` waits for an attempt to begin
        self._in_flight = False
        self._obsolete = False
        self._finished = 0
        self._waiting = 0

    def keys(self) -> Mapping[str, VerificationKey]:
        """Return the keys that may be used now, by ``kid``.

        Waits for an attempt only when no set is held, or when the one held has expired and the
        last attempt to renew it did not fail.

        Raises:
            JWKSUnavailableError: No set is held, or it has expired and does not serve any longer.
        """
        held, now = self.held, self._monotonic()
        if held is None or now >= (held.serves_until if self._failure else held.expires_at):
            self.ask()
            held, now = self.held, self._monotonic()
        elif self._thread is None or now >= self._due_at():
            with self._changed:
                self._wake()
        if held is None or now >= held.serves_until:
            raise JWKSUnavailableError(
                "no usable key of the issuer is held; the last attempt to get one: "
                + (self._failure or "it has not ended")
            )
        return held.keys

    def ask(self, *, after: timedelta = timedelta(0)) -> None:
        """Wait for the attempt in flight, or for one that may begin now; else return at once.

        None begins within the time *after* of the last one.

        Says nothing of the outcome, which ``keys`` shows. Nobody waits past the attempt's deadline,
        and at most ``MOST_WAITING`` callers wait at once.
        """
        with self._changed:
            now = self._monotonic()
            if self._stopped or now < self._begun_at + after.total_seconds():
                return
            if not self._in_flight and (self._forced or now >= self._allowed_at):
                if not self._wake():
                    return
                if now >= self._allowed_at:
                    self._begin()
            if not (self._in_flight or self._forced) or self._waiting >= MOST_WAITING:
                return
            finished = self._finished
            begins_at = max(now, self._allowed_at) if self._forced else self._begun_at
            self._waiting += 1
            self._changed.wait_for(
                lambda: self._stopped or self._finished != finished,
                timeout=max(begins_at + self._deadline - now, 0),
            )
            self._waiting -= 1

    def forget(self) -> None:
        """Drop the keys that are held; the next question fetches at once, or within a second.

        An answer that is on its way may be older than the reason to forget: it is dropped as well,
        and asked for again. However often it is called, one fetch a second comes of it.
        """
        _logger.info("jwks_keys_forgotten jwks_uri=%s", self._source)
        with self._changed:
            self.held = None
            self._obsolete = self._in_flight
            self._forced = True
            self._allowed_at = self._forced_at + FORCED_INTERVAL.total_seconds()

    def stop(self, *, wait: bool = False) -> None:
        """Forget the keys for good, and end the thread. Harmless when there is none.

        With *wait* it waits for the end of the attempt in flight, at most the deadline.
        """
        with self._changed:
            self._stopped = True
            self.held = None
            self._failure = "the client is closed"
            self._changed.notify_all()
        if self._thread is not None and wait:
            self._thread.join(self._deadline)

    def _wake(self) -> bool:
        if self._thread is None and not self._stopped:
            thread = threading.Thread(target=self._renew, name="jwks-renewal", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system gives no more threads: held keys still serve, nobody waits in vain.
                self._failure = "no thread could be started"
                return False
            self._thread = thread
        self._changed.notify_all()
        return True

    def _renew(self) -> None:
        while self._wait_until_due():
            try:
                settle = partial(self._accept, *self._obtain())
            except Exception as error:
                # Whatever it was, it is one failed attempt; this thread has to live on.
                settle = partial(self._fail, error)
            with self._changed:
                if self._stopped:
                    return
                self._in_flight = False
                if self._obsolete:  # those who wait for it wait for the next one
                    continue
                settle()
                self._finished += 1
                self._changed.notify_all()

    def _wait_until_due(self) -> bool:
        with self._changed:
            while not self._stopped and not self._in_flight:
                pause = self._due_at() - self._monotonic()
                if pause <= 0:
                    self._begin()
                else:
                    self._changed.wait(pause)
            return not self._stopped

    def _due_at(self) -> float:
        held = self.held
        if held is None:
            return self._allowed_at
        return max(self._allowed_at, held.expires_at - RENEWED_EARLY * self._lifetime)

    def _begin(self) -> None:
        self._in_flight = True
        self._obsolete = False
        self._begun_at = self._monotonic()
        self._allowed_at = self._begun_at + self._interval
        if self._forced:
            self._forced, self._forced_at = False, self._begun_at
        self._changed.notify_all()

    def _accept(
        self, keys: Mapping[str, VerificationKey], clock_difference: timedelta | None
    ) -> None:
        # A new key under an old name is both: added and removed.
        known = dict(self.held.keys) if self.held is not None else {}
        added = [as_log_field(kid) for kid, key in keys.items() if known.get(kid) != key]
        removed = [as_log_field(kid) for kid, key in known.items() if keys.get(kid) != key]
        if added or removed:
            _logger.info(
                "jwks_keys_changed jwks_uri=%s added=%s removed=%s",
                self._source,
                ",".join(sorted(added)) or "-",
                ",".join(sorted(removed)) or "-",
            )
        # Counted from the question: the set cannot be older than that.
        expires_at = self._begun_at + self._lifetime
        self.held = HeldKeys(
            keys,
            clock_difference,
            expires_at=expires_at,
            serves_until=expires_at + STALE_IF_ERROR.total_seconds(),
        )
        self._failure = ""

    def _fail(self, error: Exception) -> None:
        # The text of a foreign exception may hold what the endpoint sent.
        self._failure = str(error) if isinstance(error, HandoffError) else type(error).__name__
        _logger.warning("jwks_fetch_failed jwks_uri=%s reason=%s", self._source, self._failure)
        if isinstance(error, JWKSMalformedError) and error.holds_no_key and self.held is not None:
            # An outage says nothing about the keys; a set without any says that none is trusted.
            self.held = self.held._replace(serves_until=self.held.expires_at)


_renewals: weakref.WeakSet[KeyRenewal] = weakref.WeakSet()


def _begin_anew_after_a_fork() -> None:
    for renewal in _renewals:
        renewal._begin_anew()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin_anew_after_a_fork)
