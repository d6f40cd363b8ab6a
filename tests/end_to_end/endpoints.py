"""What a server offers, as its own ``flask routes`` lists it: what is added later is tested too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.pair import Server

_FILLINGS = {"int": "1", "path": "style.css", "": "x"}
_VARIABLE = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and the methods that it takes, HEAD and OPTIONS aside."""

    path: str
    methods: frozenset[str]


def endpoints_of(server: Server) -> list[Endpoint]:
    """List the endpoints; where an address has variable parts, these are filled in."""
    table = server.flask("routes", "--sort", "rule").splitlines()
    methods_of: dict[str, set[str]] = {}
    for line in table[2:]:
        _name, methods, rule = re.split(r"\s{2,}", line.strip())
        methods_of.setdefault(_VARIABLE.sub(_filled, rule), set()).update(methods.split(", "))
    return [Endpoint(path, frozenset(methods)) for path, methods in methods_of.items()]


def _filled(variable: re.Match[str]) -> str:
    return _FILLINGS[variable[1] or ""]
