"""``python -m vectors``: write the files of vectors, and the tables of docs/vectors.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt

from . import plain_pyjwt
from .cases import GROUPS
from .reading import FOLDER, text_of

DOCUMENT = FOLDER.parent / "docs" / "vectors.md"
BEGIN, END = "<!-- written by python -m vectors: begin -->", "<!-- end -->"

_MARKDOWN = str.maketrans({"|": r"\|", "<": "&lt;", "*": r"\*", "_": r"\_", "[": r"\["})


def files() -> dict[Path, str]:
    """Make every file anew.

    Returns:
        What belongs into each file, by its path.
    """
    documents = {}
    for make in GROUPS:
        group = make()
        documents[FOLDER / f"{group.name}.json"] = group.document()
    written = {path: f"{json.dumps(each, indent=1)}\n" for path, each in documents.items()}
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(_tables(list(documents.values())))
    written[DOCUMENT] = f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"
    return written


def _tables(documents: list[Mapping[str, Any]]) -> Iterator[str]:
    pairs = [(document, vector) for document in documents for vector in document["vectors"]]
    results = [
        (vector, *plain_pyjwt.compare(vector, text_of(vector["token"]), document))
        for document, vector in pairs
    ]
    hostile = [each for each in results if each[0]["verdict"] == "refuse"]
    accepted = [vector for vector, verdict, _ in hostile if verdict == "accept"]
    crashed = [(vector, error) for vector, verdict, error in hostile if verdict == "crash"]
    strict = [
        (vector, error)
        for vector, verdict, error in results
        if vector["verdict"] == "accept" and verdict != "accept"
    ]
    yield (
        f"There are {len(results)} vectors: {len(results) - len(hostile)} good tokens and "
        f"{len(hostile)} that have to be refused. Of those, PyJWT {jwt.__version__} accepts "
        f"{len(accepted)}, and {len(crashed)} end in an exception that is none of its own."
    )
    yield from ("", "### Accepted", "", *_accepted(hostile, accepted))
    yield from ("", "### Neither accepted nor refused", "", *_listed("exception", crashed))
    yield from ("", "### Good tokens that it refuses", "", *_listed("exception", strict))


def _accepted(
    hostile: list[tuple[dict[str, Any], str, str]], accepted: list[dict[str, Any]]
) -> Iterator[str]:
    totals = Counter(vector["attack"] for vector, *_ in hostile)
    yield "| attack | accepted | which |"
    yield "|---|---|---|"
    for attack in sorted({vector["attack"] for vector in accepted}, key=_by_number):
        which = [vector["comment"] for vector in accepted if vector["attack"] == attack]
        yield f"| {attack} | {len(which)} of {totals[attack]} | {_cell('; '.join(which))} |"


def _listed(heading: str, found: list[tuple[dict[str, Any], str]]) -> Iterator[str]:
    yield f"| vector | {heading} |"
    yield "|---|---|"
    for vector, error in found:
        yield f"| {_cell(vector['comment'])} | `{error}` |"


def _cell(text: str) -> str:
    return text.translate(_MARKDOWN)


def _by_number(attack: str) -> tuple[int, int]:
    return "TCKRLB".index(attack[0]), int(attack[1:])


def main() -> None:
    """Write what has changed, and remove files that no group makes any more."""
    made = files()
    for path in set(FOLDER.glob("*.json")) - made.keys():
        path.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
