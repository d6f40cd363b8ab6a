import ast
import importlib

import pytest

import flask_handoff
from tests.documents import CHECKOUT, DOCS, codes, rows, section

PUBLIC_NAMES = section(DOCS / "integrate.md", "Public names")
OF_MODULES = PUBLIC_NAMES[PUBLIC_NAMES.index("From their modules:") :]


def exported():
    """Return the names that ``__init__.py`` re-exports, and check that it does nothing else."""
    source = CHECKOUT / "shared" / "flask_handoff" / "__init__.py"
    _docstring, *statements = ast.parse(source.read_text()).body
    for statement in statements:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.asname == alias.name
            yield alias.name


def named_in_modules():
    """Return pairs of a module and a name in it, or of a module and None."""
    module = None
    for code in codes(OF_MODULES):
        if code.startswith("flask_handoff."):
            module = code
            yield module, None
        elif code.isidentifier() and code != "sql":
            yield module, code


def test_the_public_names_are_the_documented_ones():
    documented = [name for _, names in rows(PUBLIC_NAMES) for name in codes(names)]
    assert sorted(documented) == sorted(exported())


@pytest.mark.parametrize("name", sorted(exported()))
def test_a_public_name_says_what_it_is(name):
    assert getattr(flask_handoff, name).__doc__


@pytest.mark.parametrize(("module", "name"), list(named_in_modules()))
def test_a_name_that_is_documented_with_its_module_is_there(module, name):
    found = importlib.import_module(module)
    assert name is None or hasattr(found, name)
