"""What two guides say was seen with other people's software is what tests/strangers runs."""

import json
import re

import pytest

from tests.documents import CHECKOUT, DOCS, codes, rows, section

STRANGERS = CHECKOUT / "tests" / "strangers"
SEEN = section(DOCS / "sign-in-elsewhere.md", "What was seen to sign in")
PROVIDERS = section(DOCS / "providers.md", "Libraries that providers are built with")


def locked():
    """Return the versions in the locks of the strangers, by the names of packages."""
    found: dict[str, str] = {}
    for lock in STRANGERS.glob("*/requirements.txt"):
        found |= dict(re.findall(r"^([a-z0-9._-]+)==([^ \\]+)", lock.read_text(), re.MULTILINE))
    for package in STRANGERS.glob("*/package.json"):
        found |= json.loads(package.read_text())["dependencies"]
    return found


@pytest.mark.parametrize("seen", [SEEN, PROVIDERS], ids=["relying parties", "providers"])
def test_the_versions_are_those_that_are_tried(seen):
    versions = locked()
    listed = {codes(software)[0].lower(): version for software, version, *_ in rows(seen)}
    assert listed == {name: versions.get(name) for name in listed}


def test_every_stranger_is_listed():
    listed = {codes(row[0])[0].lower() for seen in (SEEN, PROVIDERS) for row in rows(seen)}
    wanted = {
        lock.parent.name.removesuffix("_provider").replace("_", "-")
        for lock in STRANGERS.glob("*/requirements.txt")
    }
    for package in STRANGERS.glob("*/package.json"):
        wanted |= json.loads(package.read_text())["dependencies"].keys()
    assert listed == wanted


def test_what_the_guide_starts_leaves_the_demo_its_ports():
    ports = re.findall(r"--port (\d+)", (DOCS / "sign-in-elsewhere.md").read_text())
    assert ports
    assert set(ports).isdisjoint({"5001", "5002", "5003"})
