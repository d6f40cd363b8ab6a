"""JSON as two parties must read it alike, or not at all.

Python's reader guesses the encoding, lets the last of two equal members win, and accepts ``NaN``:
each is a way to make one party read another document than the other (RFC 8725, section 2.6).
"""

from __future__ import annotations

import json
import math
from typing import Any

MAXIMUM_DEPTH = 8  # levels; a JWK Set has 3, a logout token 3
MAXIMUM_FOREIGN_DEPTH = 32  # of what others write; an evidence of identity has about 10
MAXIMUM_DIGITS = 20  # of an integer; a NumericDate has 10

_CONTAINERS = (dict, list)


class StrictJSONError(ValueError):
    """The document is not strict JSON. Its text never quotes the document."""


def load_strict_json(unverified_document: bytes, *, foreign: bool = False) -> object:
    """Read one JSON document strictly.

    Args:
        unverified_document: UTF-8 without a byte order mark. The caller bounds its length.
        foreign: Whether it may hold more than is asked of it: up to 32 levels, numbers of any size,
            and half of a surrogate pair, which is what is left of a name that was cut inside of a
            character. Whoever uses a value of it checks that value.

    Raises:
        StrictJSONError: Not UTF-8, not JSON, a member twice in one object, ``NaN`` or an infinite
            number, an integer over 20 digits, over 8 levels deep, or half of a surrogate pair.

    Sources: RFC 8259, sections 4, 6, 8.1 and 8.2; RFC 7515, section 4; RFC 7519, section 4.
    """
    try:
        decoder = _FOREIGN_DECODER if foreign else _DECODER
        document = decoder.decode(unverified_document.decode("utf-8"))
    except StrictJSONError:
        raise
    except (ValueError, RecursionError):
        # The cause is cut off: a decoder's exception carries the whole document.
        raise StrictJSONError("not a JSON document in UTF-8") from None
    _check_depth(document, MAXIMUM_FOREIGN_DEPTH if foreign else MAXIMUM_DEPTH)
    if not foreign and b"\\u" in unverified_document:
        _check_surrogates(document)
    return document


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJSONError("an object holds two members of one name")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAXIMUM_DIGITS:
        raise StrictJSONError(f"an integer of more than {MAXIMUM_DIGITS} digits")
    return int(digits)


def _finite_number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise StrictJSONError("a number that is not finite")
    return number


def _check_depth(document: object, deepest: int) -> None:
    level: list[Any] = [document] if type(document) in _CONTAINERS else []
    for _ in range(deepest):
        if not level:
            return
        inside = [outer.values() if type(outer) is dict else outer for outer in level]
        level = [one for members in inside for one in members if type(one) in _CONTAINERS]
    if level:
        raise StrictJSONError(f"more than {deepest} levels deep")


def _check_surrogates(document: object) -> None:
    # An escaped half of a pair cannot be encoded again: it would fail later, in a database.
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise StrictJSONError("half of a surrogate pair") from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_bounded_integer,
    parse_float=_finite_number,
    parse_constant=_finite_number,
)
_FOREIGN_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_constant=_finite_number
)
