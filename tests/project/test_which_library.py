"""The table of docs/which-library.md is what the libraries did, in the versions that are pinned."""

import json
from collections import Counter

from tests.project.test_locks import pinned
from vectors.libraries.__main__ import DOCUMENT, LOCK, RESULTS, document
from vectors.libraries.groups import GROUPS, counted

FOUND = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_documents_table_holds_what_the_libraries_did():
    assert DOCUMENT.read_text(encoding="utf-8") == document(FOUND)


def test_the_versions_that_were_asked_are_those_pinned():
    pins = {pin.name.lower(): str(pin.specifier) for pin in pinned(LOCK.read_text())}
    assert FOUND["versions"]
    for name, version in FOUND["versions"].items():
        assert pins[name.lower()] == f"=={version}"
        assert f"| {version}, " in DOCUMENT.read_text(encoding="utf-8"), name


def test_the_libraries_were_asked_about_the_vectors_of_today():
    assert FOUND["vectors"] == dict(Counter(row for row, _, _ in counted()))


def test_no_library_lets_in_what_is_forged():
    row = next(iter(GROUPS))
    assert {each[row] for each in FOUND["accepted"].values()} == {0}
