"""docs/conformance.md says of each published test what shows it here, or why nothing does."""

import re

import pytest

from tests.documents import DOCS, codes, missing_tests, named_tests, prose, rows

PUBLISHED = re.compile(r"oidcc-[A-Za-z0-9_-]+")
REASON = re.compile(r"(?:does not apply|differs on purpose): \S")


def published_tests():
    """Return the rows of the tables of published tests."""
    return [row for row in rows(prose(DOCS / "conformance.md")) if row[0].startswith("`oidcc-")]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=codes(row[0])[0]) for row in published_tests()]
)
def test_a_published_test_is_shown_by_ours_or_has_a_reason(row):
    name, asked, here = row
    assert PUBLISHED.fullmatch(codes(name)[0])
    assert asked
    assert named_tests(here) or REASON.match(here)
    assert missing_tests(here) == []


def test_each_published_test_is_listed_once():
    names = [codes(row[0])[0] for row in published_tests()]
    assert len(names) > 50
    assert len(names) == len(set(names))
