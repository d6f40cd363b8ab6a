"""How the packages are built: rooms, floors, imports, and what the two servers have in common.

A room is a module or folder directly below a package. Run with ``-rP`` to see the figures.
"""

import ast
import difflib
import re

import pytest

from tests.documents import CHECKOUT

PACKAGES = {
    "flask_handoff": CHECKOUT / "shared" / "flask_handoff",
    "flask_service": CHECKOUT / "shared" / "flask_service",
    "server1": CHECKOUT / "server1",
    "server2": CHECKOUT / "server2",
    "lab": CHECKOUT / "lab",
}
LONGEST_FILE = 300  # lines
MOST_EQUAL_LINES = 40  # of the two servers, in runs of three or more


def imported(path, package, folder):
    """Return the dotted names below the package that a file imports."""
    inside = path.relative_to(folder).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = (package, *inside)[: -node.level] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def imports_of_rooms(package):
    """Return each room of a package with the rooms that it imports."""
    folder = PACKAGES[package]
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        room = path.relative_to(folder).parts[0].removesuffix(".py")
        if room in {"__init__", "__main__", "migrations"}:
            continue
        names = [name.split(".") for name in imported(path, package, folder)]
        others = {name[1] for name in names if name[0] == package and len(name) > 1}
        found.setdefault(room, set()).update(others - {room})
    return {room: others & found.keys() for room, others in found.items()}


def reached_from(room, imports):
    reached: set[str] = set()
    to_visit = [room]
    while to_visit:
        for other in imports[to_visit.pop()] - reached:
            reached.add(other)
            to_visit.append(other)
    return reached


def floors(imports, room=None):
    """Return how many rooms stand above each other, for imports that run downwards only."""
    if room is None:
        return max(floors(imports, each) for each in imports)
    return 1 + max((floors(imports, other) for other in imports[room]), default=0)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_runs_back_up(package):
    imports = imports_of_rooms(package)
    back_up = [
        f"{room} -> {other}"
        for room, others in imports.items()
        for other in others
        if room in reached_from(other, imports)
    ]
    assert back_up == []
    pairs = sum(map(len, imports.values()))
    lines = sum(len(lines_of(path)) for path in PACKAGES[package].rglob("*.py"))
    print(  # noqa: T201 - the figures are what one looks for
        f"{package}: {len(imports)} rooms, {floors(imports)} floors, {pairs} imports, {lines} lines"
    )


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_no_file_of_the_packages_is_too_long():
    assert [
        f"{path.relative_to(CHECKOUT)}: {len(lines_of(path))} lines"
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
        if len(lines_of(path)) > LONGEST_FILE
    ] == []


def said(path):
    """Return the lines that say something, with one name for both servers."""
    lines = [line.strip() for line in lines_of(path)]
    return [
        re.sub("(server)[12]", r"\1", line, flags=re.IGNORECASE)
        for line in lines
        if line and not line.startswith("#")
    ]


def test_the_servers_have_little_in_common():
    equal = 0
    for path in PACKAGES["server1"].rglob("*.py"):
        twin = PACKAGES["server2"] / path.relative_to(PACKAGES["server1"])
        if twin.exists():
            match = difflib.SequenceMatcher(None, said(path), said(twin), autojunk=False)
            equal += sum(block.size for block in match.get_matching_blocks() if block.size >= 3)
    print(f"{equal} equal lines of the two servers")  # noqa: T201
    assert equal < MOST_EQUAL_LINES
