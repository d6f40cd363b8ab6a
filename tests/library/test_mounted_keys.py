"""Key rings that an orchestrator or root provides, and the process only reads."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_handoff.errors import ConfigurationError
from flask_handoff.keys import KeyRing, new_key, stage_key
from tests.server_process import CHECKOUT

NOBODY = 65534


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a process saw that has file systems of its own, see ``tests.mounted_rings``."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", "--mount", *mapped]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount anything here")
    here = tmp_path_factory.mktemp("mounts")
    command = [*unshare, sys.executable, "-W", "error", "-m", "tests.mounted_rings", here]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return json.loads(subprocess.check_output(command, cwd=CHECKOUT, env=environment))


@pytest.mark.processes
def test_a_mounted_secret_signs_and_its_change_is_followed(seen):
    assert [seen["at first"], seen["after the change"]] == seen["kids"]


@pytest.mark.processes
@pytest.mark.parametrize("step", ["a step", "a first key", "a step, file by file"])
def test_a_step_on_mounted_keys_says_where_to_take_it(seen, step):
    assert "is mounted read-only: its keys are not changed here" in seen[step]
    assert "Run this where the ring was made" in seen[step]
    assert seen["left behind"] == []


@pytest.mark.processes
def test_files_may_be_mounted_one_by_one(seen):
    assert seen["file by file"] == seen["kids"][1]


@pytest.mark.processes
def test_a_secret_that_all_may_read_is_good_where_it_is_mounted(seen):
    assert seen["a secret"] == "no refusal"
    assert "is open to other users" in seen["a secret, not mounted"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("not mounted", "is open to other users"),
        ("open to all", "is open to other users"),
        ("open to others", "is open to other users"),
        ("a link to elsewhere", "is a symbolic link"),
    ],
)
def test_what_is_not_mounted_alone_is_as_strict_as_ever(seen, place, told):
    assert told in seen[place]


# Without a mount: root's files, and a process that is not root.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "keys"
    new_key(directory)
    return directory


@pytest.fixture
def provided(made):
    """A copy of a ring, root's, that its group may read: where every user gets to."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "..2026").mkdir(0o755)
        for path in made.iterdir():
            file = directory / "..2026" / path.name
            file.write_bytes(path.read_bytes())
            file.chmod(0o640)
            (directory / path.name).symlink_to(Path("..2026") / path.name)
        for place in (directory, *directory.glob("..2026/*")):
            os.chown(place, 0, NOBODY)
        directory.chmod(0o750)
        yield directory


@contextmanager
def as_nobody():
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_what_root_provides_is_read_by_its_group(provided, made):
    with as_nobody():
        kids = KeyRing.open(provided).kids
        with pytest.raises(ConfigurationError, match="belongs to root: its keys are not changed"):
            stage_key(provided)
    assert kids == KeyRing.open(made).kids


@pytest.mark.parametrize(
    ("place", "mode", "remedy"),
    [
        (".", 0o770, "chmod go-w"),
        (".", 0o1777, "chmod go-w"),
        ("..2026/ring.json", 0o644, "chmod g-w,o="),
        ("..2026/ring.json", 0o660, "chmod g-w,o="),
    ],
)
def test_what_root_provides_to_everybody_is_refused(provided, place, mode, remedy):
    (provided / place).chmod(mode)
    with as_nobody(), pytest.raises(ConfigurationError, match="open to other users") as refusal:
        KeyRing.open(provided)
    assert remedy in refusal.value.remedy
    subprocess.run(refusal.value.remedy.removeprefix("Run: "), shell=True, check=True)  # noqa: S602
    with as_nobody():
        KeyRing.open(provided)


def test_a_directory_of_root_is_as_strict_for_root(provided):
    with pytest.raises(ConfigurationError, match="open to other users"):
        KeyRing.open(provided)


def test_a_link_in_one_s_own_directory_is_not_followed(made, tmp_path):
    directory = tmp_path / "keys"
    (directory / "..2026").mkdir(0o700, parents=True)
    directory.chmod(0o700)
    for path in made.iterdir():
        file = directory / "..2026" / path.name
        file.write_bytes(path.read_bytes())
        file.chmod(0o600)
        (directory / path.name).symlink_to(file)
    with pytest.raises(ConfigurationError, match="is a symbolic link"):
        KeyRing.open(directory)


def test_a_key_without_a_ring_leads_to_its_import(tmp_path):
    (tmp_path / "tls.key").touch()
    with pytest.raises(ConfigurationError, match="handoff-keys import FILE") as refusal:
        KeyRing.open(tmp_path)
    assert f"flask handoff-keys new --directory {tmp_path}" in refusal.value.remedy
