import inspect

import pytest

from flask_handoff import errors
from tests.documents import DOCS, codes, prose, rows

ERRORS = DOCS / "errors.md"
CLASSES = {
    error.__name__: error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, errors.HandoffError)
}


def documented():
    return [(codes(row[0])[0], codes(row[1])[0]) for row in rows(prose(ERRORS))]


def test_every_code_is_documented_once_and_nothing_else_is():
    assert sorted(documented()) == sorted((error.code, name) for name, error in CLASSES.items())


def test_no_two_errors_share_a_code():
    assert len({error.code for error in CLASSES.values()}) == len(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_the_tree_at_the_top_of_the_module_shows_each_error_below_its_parent(name):
    parents = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = [word for word in line.split() if word in CLASSES]
        if found:
            depth = line.index(found[0]) // 4
            path = [*path[: depth - 1], found[0]]
            parents[found[0]] = path[-2] if len(path) > 1 else None
    expected = CLASSES[name].__bases__[0].__name__
    assert parents[name] == (None if name == "HandoffError" else expected)


def test_every_row_says_what_is_seen_what_happened_and_what_to_do():
    assert [row[0] for row in rows(prose(ERRORS)) if len(row) != 5 or not all(row)] == []
