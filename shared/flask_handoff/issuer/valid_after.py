"""One rule for what a token is worth: what is dated before an instant is dead.

The application says which instant, for a client, a user and a session. Tokens are dated in whole
seconds, so a cut at 12:00:00.4 is the instant 12:00:01, and what is minted next waits for it: of
one second, what was before the cut is dead, and what comes after it lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from flask_handoff.claims import Clock
from flask_handoff.errors import IssuingPausedError, TokenRevokedError

ValidAfterHook = Callable[[str, str | None, str | None], datetime | None]
Sleep = Callable[[float], object]

LONGEST_WAIT = timedelta(seconds=5)
"""For a cut: a second, and by how much the clocks of an issuer's machines may differ."""

_Issued = TypeVar("_Issued")


class _TooEarlyError(Exception):
    """What is to be issued now would be dead by a cut; it may be issued from that instant on."""

    def __init__(self, valid_after: datetime) -> None:
        super().__init__()
        self.valid_after = valid_after


class ValidAfterRule:
    """Dates what an issuer issues, and judges what is presented to it.

    Args:
        ask: The hook ``valid_after`` of ``HandoffIssuer``; None where nothing is ever cut.
        sleep: Waits for so many seconds.
    """

    def __init__(self, ask: ValidAfterHook | None, clock: Clock, sleep: Sleep = time.sleep) -> None:
        self._ask = ask
        self._clock = clock
        self._sleep = sleep

    def now(self) -> datetime:
        """Return the date of what is issued now, for ``check_due``: a whole second."""
        return self._clock().replace(microsecond=0)

    def check(
        self, issued_at: datetime, client_id: str, subject: str | None, session_id: str | None
    ) -> None:
        """Check that what was issued then has not been taken back since.

        Raises:
            TokenRevokedError: It has.
            DependencyUnavailableError: It is not known.
        """
        if self._ask is None:
            return
        valid_after = self._ask(client_id, subject, session_id)
        if valid_after is not None and issued_at < valid_after:
            raise TokenRevokedError("it was issued before what took everything back")

    def check_due(
        self, date: datetime, client_id: str, subject: str | None, session_id: str | None
    ) -> None:
        """Check, inside of ``when_due``, that what is about to be issued with this date will live.

        Take the date before anything is recorded about it, and call this after what locks out cuts.
        """
        if self._ask is None:
            return
        valid_after = self._ask(client_id, subject, session_id)
        if valid_after is not None and date < valid_after:
            raise _TooEarlyError(valid_after)

    def when_due(self, issue: Callable[[], _Issued]) -> _Issued:
        """Return what *issue* does, once ``check_due`` in it lets it.

        As long as it does not, what it began is undone, and it is tried again when the time has
        come; so nothing is dated into the future, where strangers refuse it.

        Raises:
            IssuingPausedError: That is more than 5 s from now.
        """
        waited = timedelta(0)
        while True:
            try:
                return issue()
            except _TooEarlyError as early:
                delay = early.valid_after - self._clock()
            waited += delay
            if waited > LONGEST_WAIT:
                seconds = delay.total_seconds()
                raise IssuingPausedError(
                    f"what is issued in the next {seconds:.0f} s would be dead by a cut of a clock "
                    "that is ahead"
                )
            self._sleep(max(0.0, delay.total_seconds()))

    def successor(
        self, issued_at: datetime, client_id: str, subject: str | None, session_id: str | None
    ) -> datetime:
        """Return the date of a token that something of *issued_at* is exchanged for now.

        It waits where a machine whose clock is ahead has issued that, after a cut of its own.

        Raises:
            TokenRevokedError: What was issued then has been taken back.
            IssuingPausedError, DependencyUnavailableError: See ``when_due`` and ``check``.
        """

        def date() -> datetime:
            now = self.now()
            self.check(issued_at, client_id, subject, session_id)
            if now < issued_at:
                self.check_due(now, client_id, subject, session_id)
            return now

        return self.when_due(date)
