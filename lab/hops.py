"""What the servers have told of handoffs, put together to journeys: in memory, and bounded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask_service.hops.hop import Hop, Pairs

BENCH = "attack-bench/"  # how the requests of the attack bench name themselves
MOST_JOURNEYS = 200  # the oldest makes room
MOST_HOPS = 60  # of one journey
MOST_REQUESTS = 2000  # that are found by their ids

_KEYS = ("state", "id_token", "continue")  # what is sent along from hop to hop


def journey_id(token: str) -> str:
    """Return the id of the journey of a token; the servers make it the same way."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


@dataclass(slots=True)
class _Thread:
    """Hops that belong together, whether or not their token is known yet."""

    hops: list[Hop] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)


class Hops:
    """All hops. Each method may be called by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._threads: dict[int, _Thread] = {}  # in the order in which they began
        self._by_key: dict[tuple[str, str], int] = {}
        self._awaited: dict[tuple[str, Pairs], int] = {}  # the address that a redirect leads to
        self._by_request: dict[str, Hop] = {}
        self._next = 0

    def add(self, hop: Hop) -> None:
        """Put a hop to those that it belongs to: by what it carries, or as a redirect's end."""
        with self._lock:
            self._by_request[hop.request_id] = hop
            if len(self._by_request) > MOST_REQUESTS:
                del self._by_request[next(iter(self._by_request))]
            self._put_together(hop)
            self._lock.notify_all()

    def journey(self, journey_id: str, *, within: float = 0) -> list[Hop]:
        """Return the hops of a journey, in the order in which they happened.

        Args:
            journey_id: See ``journey_id``.
            within: How long to wait for the first of them, in seconds.

        Raises:
            KeyError: None is known under this id, or none any more.
        """
        with self._lock:
            self._lock.wait_for(lambda: ("journey", journey_id) in self._by_key, within)
            return self._in_order(self._threads[self._by_key["journey", journey_id]])

    def by_request_id(self, request_id: str, *, within: float = 0) -> Hop:
        """Return the hop of one request; wait so many seconds for it.

        Raises:
            KeyError: It is not known, not yet, or no more.
        """
        with self._lock:
            self._lock.wait_for(lambda: request_id in self._by_request, within)
            return self._by_request[request_id]

    def by_user_agent(self, user_agent: str) -> Hop:
        """Return the newest hop of a program that names itself so.

        Raises:
            KeyError: There is none, not yet, or no more.
        """
        with self._lock:
            for hop in reversed(self._by_request.values()):
                if hop.user_agent == user_agent:
                    return hop
        raise KeyError(user_agent)

    def newest(self) -> list[tuple[str, list[Hop]]]:
        """Return the journeys whose token is known, with their ids, the newest first."""
        with self._lock:
            return [
                (value, self._in_order(thread))
                for thread in reversed(self._threads.values())
                for name, value in sorted(thread.keys)
                if name == "journey"
            ]

    def _put_together(self, hop: Hop) -> None:
        keys = set(_keys(hop))
        known = {self._by_key[key] for key in keys if key in self._by_key}
        address = (f"{hop.base_url}{hop.path}", hop.query)
        awaited = self._awaited.pop(address, None) if hop.method == "GET" else None
        if not keys:
            if awaited is None:
                return
            known = {awaited}
        number = self._join(known)
        thread = self._threads[number]
        if len(thread.hops) < MOST_HOPS:
            thread.hops.append(hop)
        thread.keys |= keys
        self._by_key.update(dict.fromkeys(keys, number))
        if hop.location:
            self._awaited[_destination(hop)] = number
        self._make_room()

    def _join(self, known: set[int]) -> int:
        """Return the number of the thread that these are now, a new one where there is none."""
        if not known:
            self._next += 1
            self._threads[self._next] = _Thread()
            return self._next
        number, *others = sorted(known)
        for other in others:
            thread = self._threads.pop(other)
            self._threads[number].hops += thread.hops
            self._threads[number].keys |= thread.keys
            self._by_key.update(dict.fromkeys(thread.keys, number))
            self._awaited = {
                address: number if each == other else each
                for address, each in self._awaited.items()
            }
        return number

    def _make_room(self) -> None:
        while len(self._threads) > MOST_JOURNEYS:
            number = next(iter(self._threads))
            for key in self._threads.pop(number).keys:
                self._by_key.pop(key, None)
            self._awaited = {
                address: each for address, each in self._awaited.items() if each != number
            }

    @staticmethod
    def _in_order(thread: _Thread) -> list[Hop]:
        return sorted(thread.hops, key=lambda hop: hop.at)


def _keys(hop: Hop) -> Iterator[tuple[str, str]]:
    for name, value in (*hop.query, *hop.form, *hop.location_query):
        if name in _KEYS and value:
            yield name, value
        if name == "id_token":
            yield "journey", journey_id(value)


def _destination(hop: Hop) -> tuple[str, Pairs]:
    address = hop.location if "://" in hop.location else f"{hop.base_url}{hop.location}"
    return address, hop.location_query
