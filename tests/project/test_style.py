import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.documents import CHECKOUT

LONGEST_FUNCTION = 60  # lines, docstring included
PRODUCT = ("shared", "server1", "server2", "lab", "demo.py", "draft_migration.py", "examples")
LEFTOVERS = {"base", "common", "core", "helpers", "misc", "models", "services", "tools", "utils"}
MACHINES_AND_REGISTRIES = re.compile(
    r"(?<![\w.])/(?:root|work|home/(?!someone\b)\w+|Users/\w+)/"
    r"|[A-Z]:\\Users"
    r"|\bpypi\.org|\bpythonhosted\.org|\bnpmjs\.(?:org|com)|\bcrates\.io|\bgolang\.org"
)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
PATCHES = {"setattr", "delattr", "setitem", "delitem", "patch"}


def files_of_the_checkout():
    """Return what a checkout holds: what git knows, or everything where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [CHECKOUT / name for name in listed.stdout.split("\0") if name]
        return [path for path in paths if path.is_file()]
    skipped = {".venv", "instance", "dist", "build", "htmlcov", "__pycache__"}
    return [
        path
        for path in CHECKOUT.rglob("*")
        if path.is_file()
        and not skipped.intersection(path.relative_to(CHECKOUT).parts)
        and not path.relative_to(CHECKOUT).parts[0].endswith("_cache")
    ]


FILES = files_of_the_checkout()
PYTHON = [path for path in FILES if path.suffix == ".py"]


def is_product(path):
    return path.relative_to(CHECKOUT).parts[0] in PRODUCT


def name_of(path):
    return str(path.relative_to(CHECKOUT))


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def machines_and_registries(text):
    return [found[0] for found in MACHINES_AND_REGISTRIES.finditer(text)]


def patches(source):
    """Return the lines of a test that put something else in the place of code."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names) if any(name.name == "mock" for name in names):
                yield node.lineno
            case ast.ImportFrom(module="unittest.mock" | "mock"):
                yield node.lineno
            case ast.ImportFrom(module="unittest", names=names) if any(
                name.name == "mock" for name in names
            ):
                yield node.lineno
            case ast.Attribute(
                value=ast.Name(id="monkeypatch" | "mocker" | "mock"), attr=attribute
            ):
                if attribute in PATCHES:
                    yield node.lineno


def long_functions(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{node.name}: {lines} lines"


def test_no_function_of_the_product_is_too_long():
    assert {
        name_of(path): found
        for path in PYTHON
        if is_product(path) and (found := list(long_functions(text_of(path))))
    } == {}


def test_a_long_function_is_found():
    assert list(long_functions("def long():\n" + "    pass\n" * LONGEST_FUNCTION))


def test_no_module_is_named_after_nothing():
    assert [name_of(path) for path in PYTHON if LEFTOVERS & {path.stem, path.parent.name}] == []


def imports(source):
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module):
                yield module


def test_a_migration_imports_nothing_of_ours():
    # Our code changes, and a migration has to stay what it was when it was released.
    migrations = [path for path in PYTHON if path.parent.name == "versions"]
    assert migrations
    allowed = {"__future__", "sqlalchemy", "alembic.operations"}
    assert {name: set() for name in map(name_of, migrations)} == {
        name_of(path): set(imports(text_of(path))) - allowed for path in migrations
    }


def test_tests_patch_no_code():
    tests = [path for path in PYTHON if path.relative_to(CHECKOUT).parts[0] == "tests"]
    assert {name_of(path): found for path in tests if (found := list(patches(text_of(path))))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from unittest.mock import patch",
        "from unittest import mock",
        "import mock",
        "def test(monkeypatch): monkeypatch.setattr('flask_handoff.tokens.ALGORITHM', 'none')",
        "def test(mocker): mocker.patch('flask_handoff.tokens.ALGORITHM')",
    ],
)
def test_a_patch_is_found(source):
    assert list(patches(source))


def test_an_environment_variable_may_be_set():
    assert not list(patches("def test(monkeypatch): monkeypatch.setenv('A', 'b')"))


def test_no_file_names_a_machine_or_a_package_registry():
    assert {
        name_of(path): found for path in FILES if (found := machines_and_registries(text_of(path)))
    } == {}


@pytest.mark.parametrize(
    "parts",
    [
        ("in ", "/root", "/project"),
        ("'", "/work", "/main'"),
        ("/home", "/ada/"),
        ("/Users", "/ada/"),
        ("https://py", "pi.org/simple"),
        ("https://files.python", "hosted.org/packages"),
    ],
)
def test_a_machine_or_a_registry_is_found(parts):
    # In parts, or this file would name them itself.
    assert machines_and_registries("".join(parts))


def test_nothing_is_left_to_be_done_in_a_file():
    assert [
        name_of(path)
        for path in FILES
        if path != Path(__file__) and UNFINISHED.search(text_of(path))
    ] == []


def test_nobody_imports_the_library_through_its_folder():
    through_the_folder = re.compile(r"^\s*(?:import|from) shared\b", re.MULTILINE)
    assert [name_of(path) for path in PYTHON if through_the_folder.search(text_of(path))] == []


def test_no_private_key_lies_in_the_checkout():
    begin = re.compile(r"-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")
    assert [name_of(path) for path in FILES if begin.search(text_of(path))] == []


def named_documents(source):
    """Return the texts of a module, docstrings aside, that name a document of this repository."""
    tree = ast.parse(source)
    docstrings = {
        node.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Module | ast.ClassDef | ast.FunctionDef)
        for node in each.body[:1]
        if isinstance(node, ast.Expr)
    }
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [
        node.value
        for node in texts
        if node not in docstrings and isinstance(node.value, str) and ".md" in node.value
    ]


def test_no_message_of_the_library_names_a_document():
    # What pip installs brings none.
    library = (CHECKOUT / "shared" / "flask_handoff").rglob("*.py")
    found = {path.name: named_documents(path.read_text()) for path in library}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_a_message_that_names_a_document_is_found():
    source = (
        '"""See docs/a.md."""\n\n\ndef f():\n    """And b.md."""\n    raise ValueError("see c.md")'
    )
    assert named_documents(source) == ["see c.md"]
