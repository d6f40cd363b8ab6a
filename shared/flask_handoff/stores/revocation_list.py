"""What a service remembers of revocations: one numbered list, which all of its processes share."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class RevocationEntry(NamedTuple):
    """One entry, of which the number tells when it was noted: the higher, the later.

    ``claim`` is ``jti``, ``family_id``, ``sid``, ``sub`` or ``client_id``, empty for everything, or
    ``active``: then *value* is the ``jti`` of a token that the issuer has called active until
    *dated*.
    """

    number: int
    claim: str
    value: str
    dated: int


class RevocationList(Protocol):
    """What an API asks of the store of its revocations. Instants are whole seconds since 1970."""

    def note(
        self, issuer: str, claim: str, value: str, *, dated: int, forget_at: int, now: int
    ) -> None:
        """Note one entry under a number higher than all others, and forget some that are over.

        Of two about the same, the one of the later date stays.

        Args:
            forget_at: It is remembered up to and including this second.

        Raises:
            RevocationListUnavailableError: It cannot be written.
        """

    def entries(self, issuer: str, *, start: int, most: int) -> Sequence[RevocationEntry]:
        """Return entries from the number *start* on, that one included, by their numbers.

        An entry never appears below one that was returned before.

        Raises:
            RevocationListUnavailableError: They cannot be read.
        """
        ...


class MemoryRevocationList:
    """Remembers in this process only: for tests, and for servers of exactly one process.

    After a restart it has forgotten everything, and revoked tokens live again until they expire.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], tuple[RevocationEntry, int]] = {}
        self._number = 0
        self._lock = threading.Lock()

    def note(
        self, issuer: str, claim: str, value: str, *, dated: int, forget_at: int, now: int
    ) -> None:
        """Note one entry, see ``RevocationList.note``."""
        name = (issuer, claim, value)
        with self._lock:
            if name in self._entries and self._entries[name][0].dated >= dated:
                return
            kept = {key: noted for key, noted in self._entries.items() if noted[1] >= now}
            kept.pop(name, None)
            self._number += 1
            kept[name] = (RevocationEntry(self._number, claim, value, dated), forget_at)
            self._entries = kept

    def entries(self, issuer: str, *, start: int, most: int) -> Sequence[RevocationEntry]:
        """Return entries, see ``RevocationList.entries``."""
        of_issuer = (entry for key, (entry, _) in self._entries.items() if key[0] == issuer)
        return [entry for entry in of_issuer if entry.number >= start][:most]
