"""Every folder with Python is checked, measured and shipped by name: none is forgotten."""

import re
import tomllib

from tests.documents import CHECKOUT
from tests.project import test_layers, test_structure, test_style

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
TOOLS = PYPROJECT["tool"]
PRODUCT = {"shared/flask_handoff", "shared/flask_service", "server1", "server2", "lab"}
BESIDE_IT = {"benchmarks", "demo.py", "docs", "draft_migration.py", "examples", "tests", "vectors"}


def folder_of(path):
    first, *others = path.relative_to(CHECKOUT).parts
    return f"{first}/{others[0]}" if first == "shared" else first


def packages():
    return {path.rpartition("/")[2] for path in PRODUCT}


def test_every_folder_with_python_is_known():
    assert {folder_of(path) for path in test_style.PYTHON} == PRODUCT | BESIDE_IT


def test_every_folder_with_python_is_type_checked():
    makefile = (CHECKOUT / "Makefile").read_text()
    typed = re.search(r"^TYPED := (.+)$", makefile, re.MULTILINE)[1].split()
    assert {*typed} == PRODUCT | BESIDE_IT


def test_every_package_has_layers_coverage_and_a_structure():
    assert {*TOOLS["importlinter"]["root_packages"]} == packages()
    assert {*TOOLS["coverage"]["run"]["source"]} == packages()
    assert {str(path.relative_to(CHECKOUT)) for path in test_structure.PACKAGES.values()} == PRODUCT
    assert {*test_layers.SOURCES} == {path.partition("/")[0] for path in PRODUCT}
    assert {*test_style.PRODUCT} - BESIDE_IT == {*test_layers.SOURCES}


def test_every_package_is_in_the_wheel_or_in_the_image():
    targets = TOOLS["hatch"]["build"]["targets"]
    in_the_wheel = {*targets["wheel"]["packages"]}
    assert {each for each in targets["sdist"]["only-include"] if "/" in each} == in_the_wheel
    last_stage = (CHECKOUT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    copied = {*re.findall(r"^COPY ([^-\s]\S*) .*$", last_stage, re.MULTILINE)}
    assert copied | in_the_wheel == PRODUCT


def test_every_exception_from_the_style_names_what_is_there():
    for pattern in TOOLS["ruff"]["lint"]["per-file-ignores"]:
        assert [*CHECKOUT.glob(pattern)], pattern
