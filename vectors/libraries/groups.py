"""What can be wrong with a token, in the rows of docs/which-library.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vectors.reading import documents

GROUPS: Mapping[str, frozenset[str]] = {
    label: frozenset(attacks.split())
    for label, attacks in {
        "not signed, signed by somebody else, or by another algorithm": "T1 T2 T3 T17",
        "no token at all": "T16",
        "of another issuer, or for another receiver": "C1 C2",
        "`aud` is a list, this receiver among others": "C3",
        "expired, or without `exp`": "C4",
        "lives longer than 120 s": "C6",
        "issued, valid or signed in only in the future": "C7 C8",
        "dates that are no whole numbers": "C5",
        "another kind of token, by its `typ` or what it holds": "C9 C10",
        "`nonce` missing, or another browser's": "R7",
        "user, session, `jti` or scope missing, or of another form": "C11 C12 C13 C14 C15 C17",
        "`kid` missing, unknown or of another form": "T7 K17",
        "header members that nobody needs: a key, `zip`, `cty`": "T5 T11",
        "a member twice": "T8",
        "another encoding than UTF-8, half a character": "T9 T14",
        "another spelling of the same token": "T10",
        "too long, too deep": "T12 T13",
        "a weak key": "K1 K2",
        "a key for something else, or a private one": "T4 K3 K5",
        "a key set that two readers read differently": "K4 K6",
    }.items()
}
"""The attacks of docs/threat-model.md that a row counts."""


def counted() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return each handoff token that has to be refused: its row, its file and the vector."""
    row_of = {attack: label for label, attacks in GROUPS.items() for attack in attacks}
    for document in documents().values():
        if document["receiver"]["typ"] != "handoff+jwt":
            continue
        for vector in document["vectors"]:
            if vector["verdict"] == "refuse" and vector["attack"] in row_of:
                yield row_of[vector["attack"]], document, vector
