"""Leaked tokens: genuine ones in a browser that did not ask for them. They are spent, unused."""

from __future__ import annotations

import threading
from collections import deque
from typing import NoReturn

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import DependencyUnavailableError, HandoffRejectedError
from flask_handoff.tokens import TokenVerifier

MOST_KEPT = 1000  # tokens that wait to be spent: 4 MB at most


class LeakedTokens:
    """Spends leaked tokens, also those that came while keys or store were out of reach.

    Such a token stands in a URL that others may have read, and whoever holds the attempt's cookie
    could still use it. The process that refused it spends it before it accepts another one.

    Args:
        verifier: Judges every token of this receiver.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._unspent: deque[UnverifiedToken] = deque(maxlen=MOST_KEPT)
        self._lock = threading.Lock()

    def spend(self, unverified_token: UnverifiedToken) -> NoReturn:
        """Spend a token that came without its attempt, if it is genuine, and refuse it.

        Raises:
            HandoffRejectedError: Always, but for the next line.
            DependencyUnavailableError: It cannot be spent now; ``catch_up`` does it later.
        """
        try:
            self._verifier.verify(unverified_token, nonce=None)
        except DependencyUnavailableError:
            with self._lock:
                self._unspent.append(unverified_token)
            raise
        raise AssertionError("a token without an attempt was accepted")

    def catch_up(self) -> None:
        """Spend what could not be spent when it came; whoever comes meanwhile waits for it."""
        if not self._unspent:
            return
        with self._lock:
            while self._unspent:
                try:
                    self._verifier.verify(self._unspent[0], nonce=None)
                except HandoffRejectedError:
                    self._unspent.popleft()
                except DependencyUnavailableError:
                    return
