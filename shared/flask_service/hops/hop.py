"""One request that a server of the demo has answered, as the demo's lab is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

MAXIMUM = 64 * 1024  # bytes of one hop

Pairs = tuple[tuple[str, str], ...]
_Part = TypeVar("_Part")
_LONGEST_TEXT = 4096  # characters; a token is no longer
_MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one check of a token."""

    name: str
    question: str
    outcome: str  # ``ok``, ``refused``, ``cannot be told`` or ``not reached``
    reason: str


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie that was set: its value is left out."""

    name: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """A request and its answer. Of fields that may hold a secret only the names are in it."""

    server: str  # ``SERVER1`` or ``SERVER2``
    base_url: str  # under which browsers know it
    request_id: str
    at: datetime  # when the request came
    method: str
    path: str
    query: Pairs
    form: Pairs
    user_agent: str
    cookies: tuple[str, ...]  # names of those that came
    set_cookies: tuple[SetCookie, ...]
    status: int
    location: str  # where it leads, by a redirect or a refresh, without the query
    location_query: Pairs
    content_type: str
    milliseconds: float
    log: tuple[str, ...]  # the lines that the server wrote meanwhile
    checks: tuple[Check, ...]  # of the token that this request brought
    verdict: str  # ``issued``, ``accepted``, ``rejected``, ``refused``; empty: nothing was judged
    code: str  # of the error
    check: str  # that refused the token

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()}).encode()

    @classmethod
    def from_json(cls, unverified: bytes) -> Hop:
        """Read what ``to_json`` has written, and nothing else.

        Raises:
            ValueError: It is something else, or longer than any hop.
        """
        if len(unverified) > MAXIMUM:
            raise ValueError("too long")
        try:
            read = _Reader(json.loads(unverified))
        except RecursionError:
            raise ValueError("nested too deep") from None
        at = datetime.fromisoformat(read.text("at"))
        if at.utcoffset() != timedelta(0):
            raise ValueError("at: not in UTC")
        return cls(
            server=read.text("server"),
            base_url=read.text("base_url"),
            request_id=read.text("request_id"),
            at=at,
            method=read.text("method"),
            path=read.text("path"),
            query=read.parts("query", _pair),
            form=read.parts("form", _pair),
            user_agent=read.text("user_agent"),
            cookies=read.parts("cookies", _text),
            set_cookies=read.parts("set_cookies", _set_cookie),
            status=int(read.number("status")),
            location=read.text("location"),
            location_query=read.parts("location_query", _pair),
            content_type=read.text("content_type"),
            milliseconds=read.number("milliseconds"),
            log=read.parts("log", _text),
            checks=read.parts("checks", _check),
            verdict=read.text("verdict"),
            code=read.text("code"),
            check=read.text("check"),
        )


class _Reader:
    """Reads the members of one JSON object, each of its type and bounded."""

    def __init__(self, unverified: Any) -> None:
        if type(unverified) is not dict:
            raise ValueError("no object")
        self._unverified = unverified

    def text(self, name: str) -> str:
        return _text(self._unverified.get(name))

    def number(self, name: str) -> float:
        value = self._unverified.get(name)
        if isinstance(value, int | float) and 0 <= value < 1e9:
            return float(value)
        raise ValueError(f"{name}: no number")

    def parts(self, name: str, read: Callable[[Any], _Part]) -> tuple[_Part, ...]:
        value = self._unverified.get(name)
        if type(value) is not list or len(value) > _MOST_PARTS:
            raise ValueError(f"{name}: no list, or too long")
        return tuple(map(read, value))


def bounded(text: str) -> str:
    """Cut a text so that a hop may hold it."""
    return text[:_LONGEST_TEXT]


def some(parts: Sequence[_Part]) -> tuple[_Part, ...]:
    """Return as many parts as a hop may hold, the first ones."""
    return tuple(parts[:_MOST_PARTS])


def _text(unverified: Any) -> str:
    if type(unverified) is not str or len(unverified) > _LONGEST_TEXT:
        raise ValueError("no text, or too long")
    unverified.encode()  # half a character can be in JSON, and on no page
    return unverified


def _pair(unverified: Any) -> tuple[str, str]:
    if type(unverified) is not list or len(unverified) != 2:
        raise ValueError("no pair")
    return _text(unverified[0]), _text(unverified[1])


def _set_cookie(unverified: Any) -> SetCookie:
    read = _Reader(unverified)
    return SetCookie(read.text("name"), read.parts("attributes", _text))


def _check(unverified: Any) -> Check:
    read = _Reader(unverified)
    return Check(*(read.text(name) for name in ("name", "question", "outcome", "reason")))
