import inspect

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


def test_every_row_says_what_happened_and_what_to_do():
    assert [row[0] for row in rows(prose(ERRORS)) if len(row) != 5 or not all(row)] == []
