"""Leaked tokens: genuine ones in a browser that did not ask for them. They are invalidated."""

from __future__ import annotations

import threading
from collections import deque
from typing import NoReturn

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import DependencyUnavailableError, HandoffRejectedError
from flask_handoff.tokens import TokenVerifier

MOST_KEPT = 1000  # tokens that wait to be invalidated: 4 MB at most


class LeakedTokens:
    """Invalidates leaked tokens, also those that came while keys or store were out of reach.

    Such a token stands in a URL that others may have read, and the browser that holds the
    attempt's cookie could still use it. The process that refused it invalidates it before it
    accepts another one.

    Args:
        verifier: Judges every token of this receiver.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._pending: deque[UnverifiedToken] = deque(maxlen=MOST_KEPT)
        self._lock = threading.Lock()

    def invalidate(self, unverified_token: UnverifiedToken) -> NoReturn:
        """Invalidate a token that came without its attempt, if it is genuine, and refuse it.

        Raises:
            HandoffRejectedError: Always, but for the next line.
            DependencyUnavailableError: It cannot be invalidated now; ``catch_up`` does it
                later.
        """
        try:
            self._verifier.verify(unverified_token, nonce=None)
        except DependencyUnavailableError:
            with self._lock:
                self._pending.append(unverified_token)
            raise
        raise AssertionError("a token without an attempt was accepted")

    def catch_up(self) -> None:
        """Invalidate what could not be when it came; other callers wait meanwhile."""
        if not self._pending:
            return
        with self._lock:
            while self._pending:
                try:
                    self._verifier.verify(self._pending[0], nonce=None)
                except HandoffRejectedError:
                    self._pending.popleft()
                except DependencyUnavailableError:
                    return
