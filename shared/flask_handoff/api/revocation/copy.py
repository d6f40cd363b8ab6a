"""What one process knows of the list of revocations: a compact copy, asked at each request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import inf

from flask_handoff.claims import AccessClaims, Clock
from flask_handoff.errors import DependencyUnavailableError, RevocationListUnavailableError
from flask_handoff.profiles import ACCESS
from flask_handoff.stores import RevocationEntry, RevocationList
from flask_handoff.stores.ports import FAMILY_ID_LENGTH

REFRESH_AFTER = timedelta(seconds=0.5)
"""A process asks for what is new at most this often; so late it may refuse a revoked token."""

MAXIMUM_STALENESS = timedelta(seconds=5)
"""What was read longer ago is not believed: no token is good until the list can be read again."""

_REFRESH_AFTER = REFRESH_AFTER.total_seconds()
_MAXIMUM_STALENESS = MAXIMUM_STALENESS.total_seconds()
_TIDY_AFTER = 60.0  # seconds; it takes about 0.3 s where a million entries are held
_CLAIMS = ("", "client_id", "sub", "sid", "family_id", "jti", "active")
_EVERYTHING = hash("")
_BATCH = 10_000  # entries read at once
_MARGIN = timedelta(seconds=60)  # remembered this much longer than a token is accepted
_TOKEN_REMEMBERED = int((ACCESS.leeway + _MARGIN).total_seconds())
_CUT_REMEMBERED = _TOKEN_REMEMBERED + int(ACCESS.maximum_lifetime.total_seconds())
_REMEMBERED = {"jti": _TOKEN_REMEMBERED, "active": 0}

_log = logging.getLogger("flask_handoff")


class RevocationCopy:
    """The entries of one issuer, refreshed by the request that needs them.

    A name is kept as its 64-bit hash, an entry as two numbers in a dictionary. Of a million entries
    one in 2 x 10^13 look-ups takes a name for another one; as a rule it refuses a good token.

    Args:
        entries: The truth, which all processes share.
        issuer: Whose entries.
        monotonic: Tells how much time passes, in seconds; a clock may be set back.
    """

    def __init__(
        self,
        entries: RevocationList,
        issuer: str,
        *,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._list = entries
        self._issuer = issuer
        self._clock = clock
        self._monotonic = monotonic
        self._dates: dict[str, dict[int, int]] = {claim: {} for claim in _CLAIMS}
        self._shared: dict[int, int] = {}
        self._last: RevocationEntry | None = None
        self._asked_at = self._read_at = self._good_until = -inf
        self._tidied_at = monotonic()
        self._lock = threading.Lock()

    def now(self) -> int:
        """Tell the present second."""
        return int(self._clock().timestamp())

    def valid_after(self, claims: AccessClaims) -> int:
        """Return the date before which a token of these claims is dead; 0 where it may be any."""
        dates = self._dates
        latest = dates[""].get(_EVERYTHING, 0)
        if of_users := dates["sub"]:
            latest = max(latest, of_users.get(hash(claims.subject), 0))
        if of_clients := dates["client_id"]:
            latest = max(latest, of_clients.get(hash(claims.client_id), 0))
        if (of_sessions := dates["sid"]) and claims.session_id:
            latest = max(latest, of_sessions.get(hash(claims.session_id), 0))
        if of_families := dates["family_id"]:
            latest = max(latest, of_families.get(hash(claims.jwt_id[:FAMILY_ID_LENGTH]), 0))
        return latest

    def dated(self, claim: str, value: str) -> int:
        """Return the date of the entry of this name, 0 where there is none."""
        return self._dates[claim].get(hash(value), 0)

    def note(self, claim: str, value: str, dated: int) -> None:
        """Write an entry into the list.

        Raises:
            RevocationListUnavailableError: It cannot be written.
        """
        now, forget_at = self.now(), dated + _REMEMBERED.get(claim, _CUT_REMEMBERED)
        self._list.note(self._issuer, claim, value, dated=dated, forget_at=forget_at, now=now)

    def refresh(self) -> None:
        """Make sure that what is known here is new enough.

        Raises:
            RevocationListUnavailableError: It is not, and the list is out of reach.
        """
        now = self._monotonic()
        if now < self._good_until:
            return
        # While one request asks, the others go on with what is known, unless that is too old.
        self._ask(patience=_MAXIMUM_STALENESS if self._is_stale(now) else 0)
        if self._is_stale(self._monotonic()):
            raise RevocationListUnavailableError("the list of revocations is out of reach")

    def _is_stale(self, now: float) -> bool:
        return now - self._read_at > _MAXIMUM_STALENESS

    def _ask(self, *, patience: float) -> None:
        if not self._lock.acquire(timeout=patience):
            return
        try:
            now = self._monotonic()
            if now - self._asked_at < _REFRESH_AFTER:
                return
            self._asked_at = now
            for entry in self._new_entries():
                self._keep(entry.claim, entry.value, entry.dated)
                self._last = entry
            if now - self._tidied_at >= _TIDY_AFTER:
                self._tidied_at = now
                self._forget_what_is_over()
        except DependencyUnavailableError as error:
            _log.warning("the list of revocations cannot be read: %s", error)
        finally:
            self._lock.release()

    def keep(self, claim: str, value: str, dated: int) -> None:
        """Know an entry in this process, before it is read from the list."""
        with self._lock:
            self._keep(claim, value, dated)

    def _keep(self, claim: str, value: str, dated: int) -> None:
        if claim not in self._dates:  # what it means would else be let in
            raise RevocationListUnavailableError("an entry was noted by a newer version; update")
        dates, name = self._dates[claim], hash(value)
        if dates.get(name, 0) < dated:
            # A date is one object, however many entries bear it: that is 32 bytes of each entry.
            dates[name] = self._shared.setdefault(dated, dated)

    def _new_entries(self) -> Iterator[RevocationEntry]:
        last = self._last
        while True:
            start, asked_at = 0 if last is None else last.number, self._monotonic()
            found = self._list.entries(self._issuer, start=start, most=_BATCH)
            if last is not None and last not in found[:1]:
                # It is over, or the database is another one: a number may mean another entry.
                last = self._last = None
                continue
            yield from found
            if len(found) < _BATCH:
                self._read_at = asked_at  # what was noted until then is known here
                self._good_until = asked_at + _REFRESH_AFTER
                return
            last = found[-1]

    def _forget_what_is_over(self) -> None:
        now, self._shared = self.now(), {}
        for claim, dates in self._dates.items():
            least = now - _REMEMBERED.get(claim, _CUT_REMEMBERED)
            self._dates[claim] = {
                name: self._shared.setdefault(dated, dated)
                for name, dated in dates.items()
                if dated >= least
            }
