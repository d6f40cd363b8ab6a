import ast
import re
from functools import cache

import pytest

from tests.documents import CHECKOUT, DOCS, README, codes, prose, rows, section

TESTS = CHECKOUT / "tests"
THREAT_MODEL = DOCS / "threat-model.md"
IS_A_TEST = re.compile(r"(?P<file>[a-z0-9_/]+\.py)::(?P<name>test_[a-z0-9_]+)")


def attacks():
    """Return the rows of the threat model that have a number."""
    return [row for row in rows(prose(THREAT_MODEL)) if re.fullmatch(r"[A-Z]\d+", row[0])]


def named_in(text):
    return [found.groups() for code in codes(text) if (found := IS_A_TEST.fullmatch(code))]


@cache
def defined_in(file):
    """Return the tests that a file defines, those in its classes included."""
    tree = ast.parse((TESTS / file).read_text())
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in attacks()])
def test_each_attack_names_its_tests_and_they_exist(row):
    _number, attack, defence, tests = row
    assert attack
    assert defence
    assert named_in(tests)
    assert [
        f"{file}::{name}"
        for file, name in named_in(tests)
        if not (TESTS / file).is_file() or name not in defined_in(file)
    ] == []


def test_attacks_are_numbered_without_gap_or_repetition():
    numbers = [row[0] for row in attacks()]
    groups = list(dict.fromkeys(number[0] for number in numbers))
    assert numbers == [
        f"{group}{index}"
        for group in groups
        for index in range(1, sum(number[0] == group for number in numbers) + 1)
    ]


def test_every_test_of_an_attack_belongs_to_the_threat_model():
    named = {file for row in attacks() for file, _name in named_in(row[3])}
    files = {f"attacks/{path.name}" for path in (TESTS / "attacks").glob("test_*.py")}
    assert files <= named


def test_the_readme_shows_checks_with_tests_that_exist():
    checks = rows(section(README, "What is checked"))
    assert 8 <= len(checks) <= 12
    for check, attack, tests in checks:
        assert check
        assert attack
        assert named_in(tests)
        assert all(name in defined_in(file) for file, name in named_in(tests))
