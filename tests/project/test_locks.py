import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = CHECKOUT / "requirements"
OF_A_PEER = CHECKOUT / "benchmarks" / "authlib_pair" / "requirements.txt"
OF_STRANGERS = sorted((CHECKOUT / "tests" / "strangers").glob("*/requirements.txt"))
OF_EXAMPLES = CHECKOUT / "tests" / "examples" / "requirements.txt"
OF_LIBRARIES = CHECKOUT / "vectors" / "libraries" / "requirements.txt"
LOCKS = (
    *(
        REQUIREMENTS / name
        for name in (
            "build.txt",
            "dev.txt",
            "docs.txt",
            "lowest.txt",
            "servers.txt",
            "test-tools.txt",
        )
    ),
    OF_A_PEER,
    OF_EXAMPLES,
    OF_LIBRARIES,
    *OF_STRANGERS,
)
HASH = re.compile(r" --hash=sha256:[0-9a-f]{64}")
MADE_ON_SOME_MACHINE = re.compile(r"https?:|file:|find-links|index-url|(^|[\s=@\"'])(/|~|[A-Z]:\\)")


def unfold(lock):
    return [line for line in lock.replace("\\\n", " ").splitlines() if line.strip()]


def pinned(lock):
    requirements = [line for line in unfold(lock) if not line.lstrip().startswith("#")]
    return [Requirement(line.partition("--hash")[0]) for line in requirements]


def faults(lock):
    for line in lock.splitlines():
        if MADE_ON_SOME_MACHINE.search(line):
            yield f"holds an address or a path: {line}"
    for line in unfold(lock):
        if not line.lstrip().startswith("#") and not re.search(
            r" --hash=sha256:[0-9a-f]{64}", line
        ):
            yield f"is not a requirement with a hash: {line}"
        if line[0].isalnum() and "==" not in line.partition(" ")[0]:
            yield f"is not pinned: {line}"


def asked_for(*extras):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    for text in texts:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            yield from asked_for(*requirement.extras)
        else:
            yield requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_lock_names_no_machine_and_pins_everything_by_hash(lock):
    assert list(faults(lock.read_text())) == []


def test_a_peer_runs_on_the_same_versions_as_we_do():
    tested = {(pin.name, pin.specifier) for pin in pinned((REQUIREMENTS / "dev.txt").read_text())}
    assert {(pin.name, pin.specifier) for pin in pinned(OF_A_PEER.read_text())} <= tested


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.com/simple",
        "--find-links wheels",
        "    # via -r /home/someone/requirements.in",
        "#    uv pip compile -o /home/someone/dev.txt",
        "flask @ file:///home/someone/flask.whl --hash=sha256:" + "0" * 64,
        "flask==3.1.3",
        "flask>=3.1.3 --hash=sha256:" + "0" * 64,
        "-e .",
    ],
)
def test_a_line_that_is_no_pinned_requirement_is_found(line):
    assert list(faults(f"flask==3.1.3 \\\n    --hash=sha256:{'0' * 64}\n{line}\n"))


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("dev.txt", ["dev"]),
        ("lowest.txt", ["postgresql"]),
        ("servers.txt", ["postgresql", "servers"]),
    ],
)
def test_a_lock_holds_all_that_the_project_asks_for(name, extras):
    versions = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pinned((REQUIREMENTS / name).read_text())
    }
    missing = [
        str(requirement)
        for requirement in asked_for(*extras)
        if versions.get(canonicalize_name(requirement.name)) not in requirement.specifier
    ]
    assert missing == []


def test_the_lowest_versions_are_those_that_the_library_allows():
    lowest = {pin.name: pin.specifier for pin in pinned((REQUIREMENTS / "lowest.txt").read_text())}
    for requirement in asked_for("postgresql"):
        floors = [Version(each.version) for each in requirement.specifier if each.operator == ">="]
        pins = [Version(each.version) for each in lowest[canonicalize_name(requirement.name)]]
        assert pins == floors, requirement


@pytest.mark.parametrize("name", ["build.txt", "servers.txt", "test-tools.txt"])
def test_shipped_versions_are_those_that_were_tested(name):
    tested = {str(pin) for pin in pinned((REQUIREMENTS / "dev.txt").read_text())}
    shipped = {str(pin) for pin in pinned((REQUIREMENTS / name).read_text())}
    assert shipped <= tested


def test_documents_are_built_beside_what_was_tested():
    # What stands in both is found in the folder of docs.txt first.
    tested = {pin.name: str(pin) for pin in pinned((REQUIREMENTS / "dev.txt").read_text())}
    built_with = pinned((REQUIREMENTS / "docs.txt").read_text())
    assert [
        pin for pin in map(str, built_with) if tested.get(Requirement(pin).name, pin) != pin
    ] == []
