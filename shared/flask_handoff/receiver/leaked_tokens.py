"""Leaked tokens: genuine ones in a browser that did not ask for them. They are invalidated."""

from __future__ import annotations

import threading
from typing import NoReturn

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import DependencyUnavailableError, HandoffRejectedError
from flask_handoff.tokens import TokenVerifier

MOST_KEPT = 1000  # tokens that wait to be invalidated: 4 MB at most, 12 of a foreign issuer


class LeakedTokens:
    """Invalidates leaked tokens, also those that came while keys or store were out of reach.

    Such a token stands in a URL that others may have read, and the browser that holds the
    attempt's cookie could still use it. The process that refused it invalidates it before it
    accepts another one.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._pending: dict[UnverifiedToken, None] = {}  # in the order in which they came
        self._lock = threading.Lock()  # of the line above; never held while others are asked
        self._catching_up = threading.Lock()
        self._failures = 0

    def invalidate(self, unverified_token: UnverifiedToken) -> NoReturn:
        """Invalidate a token that came without its attempt, if it is genuine, and refuse it.

        Raises:
            HandoffRejectedError: Always, but for the next line.
            DependencyUnavailableError: It cannot be invalidated now; ``catch_up`` does it later.
        """
        try:
            self._verifier.verify(unverified_token, nonce=None)
        except DependencyUnavailableError:
            with self._lock:
                if unverified_token not in self._pending and len(self._pending) >= MOST_KEPT:
                    del self._pending[next(iter(self._pending))]
                self._pending[unverified_token] = None
            raise
        raise AssertionError("a token without an attempt was accepted")

    def keeps(self, unverified_token: UnverifiedToken) -> bool:
        """Tell whether a token waits for ``catch_up``."""
        return unverified_token in self._pending

    def catch_up(self) -> None:
        """Invalidate what could not be when it came; other callers wait meanwhile.

        Raises:
            DependencyUnavailableError: It still cannot be. No token may be accepted: it could be
                one of these.
        """
        if not self._pending:
            return
        failures = self._failures
        with self._catching_up:
            if self._failures != failures:
                # To try again, one caller after another, would hold every thread for minutes.
                raise DependencyUnavailableError("a leaked token could not be invalidated")
            with self._lock:
                waiting = tuple(self._pending)
            for token in waiting:
                try:
                    self._verifier.verify(token, nonce=None)
                except HandoffRejectedError:
                    with self._lock:
                        self._pending.pop(token, None)
                except DependencyUnavailableError:
                    self._failures += 1
                    raise
