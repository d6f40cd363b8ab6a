"""What requirements/venv.sh installs, and when, with a Python and a pip that only take notes."""

import os
import re
import shutil
import subprocess

import pytest

from tests.documents import CHECKOUT

PYTHON = """#!/bin/sh
# Stands for the interpreter, and for the one of the environment that it makes.
case "$*" in
*version_info*) printf '3.11.7\\n1\\n%s\\n/usr\\n' "{python}" ;;
*ensurepip*) ;;
"-m venv "*) mkdir -p .venv/bin && cp "{python}" .venv/bin/python && echo made >>notes ;;
"-m pip install "*)
    echo "$*" | sed 's/.*--progress-bar off //' >>notes
    [ ! -e refusing ] ;;
esac
"""
SERVERS = "--require-hashes -r requirements/build.txt -r requirements/servers.txt"
EVERYTHING = "--require-hashes -r requirements/dev.txt"
ITSELF = "--quiet --no-deps --no-build-isolation -e ."


class Checkout:
    """A checkout with the script and the locks, and notes of what was made and installed."""

    def __init__(self, directory):
        self.directory = directory
        shutil.copytree(CHECKOUT / "requirements", directory / "requirements")
        shutil.copy(CHECKOUT / "pyproject.toml", directory)
        self._python = directory / "python"
        self._python.write_text(PYTHON.format(python=self._python))
        self._python.chmod(0o755)

    def make(self, level):
        """Return the script's exit status, and the lines of notes that it left."""
        notes = self.directory / "notes"
        notes.write_text("")
        done = subprocess.run(
            ["requirements/venv.sh", self._python, level],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, *notes.read_text().splitlines()

    def change(self, name):
        with (self.directory / name).open("a") as file:
            file.write("# changed\n")


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_the_demo_gets_what_the_servers_need(checkout):
    assert checkout.make("servers") == (0, "made", SERVERS, ITSELF)


def test_tests_put_the_rest_on_top(checkout):
    checkout.make("servers")
    assert checkout.make("dev") == (0, EVERYTHING)


@pytest.mark.parametrize("levels", [("servers",), ("dev",), ("servers", "dev")], ids="-".join)
def test_what_is_there_is_not_installed_again(checkout, levels):
    for level in levels:
        checkout.make(level)
    (checkout.directory / "refusing").touch()
    assert [checkout.make(level) for level in ("servers", levels[-1])] == [(0,), (0,)]


@pytest.mark.parametrize(
    ("level", "lock", "installed"),
    [("servers", "servers.txt", SERVERS), ("dev", "dev.txt", EVERYTHING)],
    ids=["servers", "dev"],
)
def test_a_changed_lock_is_installed_afresh(checkout, level, lock, installed):
    checkout.make("servers")
    checkout.make(level)
    checkout.change(f"requirements/{lock}")
    assert checkout.make(level) == (0, "made", installed, ITSELF)


def test_changed_metadata_installs_the_project_anew(checkout):
    checkout.make("servers")
    pyproject = checkout.directory / "pyproject.toml"
    pyproject.write_text(re.sub("^version.*$", 'version = "2"', pyproject.read_text(), flags=re.M))
    assert checkout.make("servers") == (0, ITSELF)


@pytest.mark.parametrize("level", ["servers", "dev"])
def test_a_failed_installation_is_begun_afresh(checkout, level):
    (checkout.directory / "refusing").touch()
    assert checkout.make(level)[0] == 1
    (checkout.directory / "refusing").unlink()
    assert checkout.make(level)[:2] == (0, "made")


def test_the_demo_still_starts_when_the_rest_failed(checkout):
    checkout.make("servers")
    (checkout.directory / "refusing").touch()
    assert checkout.make("dev") == (1, EVERYTHING)
    assert checkout.make("servers") == (0,)
    (checkout.directory / "refusing").unlink()
    assert checkout.make("dev") == (0, "made", EVERYTHING, ITSELF)


def test_the_demo_alone_asks_for_less_than_everything():
    makefile = (CHECKOUT / "Makefile").read_text()
    asking = re.findall(r"^([a-z]+): \.venv-for-servers$", makefile, re.MULTILINE)
    assert asking == ["demo"]
    assert "requirements/venv.sh '$(PYTHON)' servers" in makefile
