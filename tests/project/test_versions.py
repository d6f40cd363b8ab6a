"""Which Pythons requirements/versions.sh finds, among some that are none."""

import subprocess

import pytest

from tests.documents import CHECKOUT

SCRIPT = CHECKOUT / "requirements" / "versions.sh"


@pytest.fixture
def machine(tmp_path):
    """A home and a PATH without any Python, and the function that puts one there."""
    (tmp_path / "bin").mkdir()

    def install(place, *, does):
        python = tmp_path / place
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f"#!/bin/sh\n{does}\n")
        python.chmod(0o755)
        return str(python)

    return install


def find(tmp_path, version):
    done = subprocess.run(
        [SCRIPT, "find", version],
        env={"PATH": f"{tmp_path / 'bin'}:/nowhere", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.12",
        ".pyenv/versions/3.12.9/bin/python3.12",
        ".local/share/uv/python/cpython-3.12.9-linux-x86_64-gnu/bin/python3.12",
    ],
    ids=["PATH", "pyenv", "uv"],
)
def test_a_python_is_found_where_it_is_installed(machine, tmp_path, place):
    assert find(tmp_path, "3.12") is None
    python = machine(place, does="echo 3.12")
    assert find(tmp_path, "3.12") == python


@pytest.mark.parametrize("does", ["exit 127", "echo 3.11"], ids=["shim", "another version"])
def test_what_is_no_such_python_is_passed_over(machine, tmp_path, does):
    machine("bin/python3.12", does=does)
    assert find(tmp_path, "3.12") is None
    python = machine(".pyenv/versions/3.12.1/bin/python3.12", does="echo 3.12")
    assert find(tmp_path, "3.12") == python


def test_every_python_that_the_project_names_is_tried():
    classified = [
        line.split("Python :: ")[1].rstrip('",')
        for line in (CHECKOUT / "pyproject.toml").read_text().splitlines()
        if "Python :: 3." in line
    ]
    assert f'pythons="{" ".join(classified)}"' in SCRIPT.read_text()
    assert f"oldest={classified[0]}\n" in SCRIPT.read_text()
