"""The examples, and applications of their kind, each pair in one process of their environment."""

from pathlib import Path

import pytest

from tests.documents import CHECKOUT

WALKS = sorted(Path(__file__).with_name("walks").glob("test_*.py"))
OPTIONS = (
    *("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", CHECKOUT),
    *("--import-mode=importlib", "-W", "error"),
    # The examples keep a database open for as long as they run.
    *("-W", "ignore::ResourceWarning"),
)


@pytest.mark.parametrize("walk", WALKS, ids=lambda path: path.stem.removeprefix("test_"))
def test_every_walk_of_this_file_arrives(walk, environment, tmp_path):
    options = *OPTIONS, f"--basetemp={tmp_path / 'walks'}"
    done = environment.run("-m", "pytest", *options, walk, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
