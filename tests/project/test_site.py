"""The site: each page is in its navigation, and its reference describes the public names alone."""

import re
import tomllib

from tests.documents import CHECKOUT, DOCS, DOCUMENTS
from tests.project.test_errors_table import CLASSES
from tests.project.test_public_names import exported, named_in_modules

PAGES = "\n".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.rst")))


def test_every_page_is_in_the_navigation():
    index = (DOCS / "index.rst").read_text()
    listed = re.findall(r"^   (?:[\w ]+ <)?(/?[\w/-]+)>?$", index, re.MULTILINE)
    pages = [path for path in DOCUMENTS if path.parent.name != "decisions"]
    pages += (CHECKOUT / "findings" / "README.md", CHECKOUT / "vectors" / "README.md")
    paths = [str(page.relative_to(CHECKOUT).with_suffix("")) for page in pages]
    names = {path.removeprefix("docs/") if "docs/" in path else f"/{path}" for path in paths}
    assert names - {*listed} == set()


def described_by(directive):
    return re.findall(rf"^\.\. {directive}:: (\S+?)(?:\(\))?$", PAGES, re.MULTILINE)


def public_names():
    """Return each with the module that it is imported from: the first of them, if it can be."""
    modules = {name: module for module, name in named_in_modules() if name}
    modules |= dict.fromkeys(exported(), "flask_handoff")
    modules |= dict.fromkeys(CLASSES, "flask_handoff.errors")
    return [f"{module}.{name}" for name, module in modules.items()]


def test_the_reference_describes_the_public_names_alone():
    described = described_by("(?:auto|py:)(?:class|data|exception|function)")
    assert sorted(described) == sorted(public_names())


def test_the_reference_describes_every_command():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    commands = project["entry-points"]["flask.commands"].values()
    assert sorted(described_by("click")) == sorted(commands)
