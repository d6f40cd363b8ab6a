import re

import pytest

from tests.documents import (
    CHECKOUT,
    DOCS,
    README,
    missing_tests,
    named_tests,
    prose,
    rows,
    section,
)

TESTS = CHECKOUT / "tests"
THREAT_MODEL = DOCS / "threat-model.md"


def attacks():
    """Return the rows of the threat model that have a number."""
    return [row for row in rows(prose(THREAT_MODEL)) if re.fullmatch(r"[A-Z]\d+", row[0])]


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in attacks()])
def test_each_attack_names_its_tests_and_they_exist(row):
    _number, attack, defence, tests = row
    assert attack
    assert defence
    assert named_tests(tests)
    assert missing_tests(tests) == []


def test_attacks_are_numbered_without_gap_or_repetition():
    numbers = [row[0] for row in attacks()]
    groups = list(dict.fromkeys(number[0] for number in numbers))
    assert numbers == [
        f"{group}{index}"
        for group in groups
        for index in range(1, sum(number[0] == group for number in numbers) + 1)
    ]


def test_every_test_of_an_attack_belongs_to_the_threat_model():
    named = {file for row in attacks() for file, _name in named_tests(row[3])}
    files = {f"attacks/{path.name}" for path in (TESTS / "attacks").glob("test_*.py")}
    assert files <= named


def test_the_readme_shows_checks_with_tests_that_exist():
    checks = rows(section(README, "What is checked"))
    assert 8 <= len(checks) <= 12
    for check, attack, tests in checks:
        assert check
        assert attack
        assert named_tests(tests)
        assert missing_tests(tests) == []
