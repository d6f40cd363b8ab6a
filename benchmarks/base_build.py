"""Another commit of this project as a peer: its own work tree, its own environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.pairs import Start, our_pair
from benchmarks.processes import CHECKOUT


@contextmanager
def base_pair(commit: str) -> Iterator[Start]:
    """Check a commit out, install what its own lock pins, and prepare its pair."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "base")
        _run("git", "-C", str(CHECKOUT), "worktree", "add", "--detach", str(tree), commit)
        try:
            _run("make", "-C", str(tree), ".venv-ready", f"PYTHON={sys.executable}")
            with our_pair(tree, str(tree / ".venv" / "bin" / "python")) as start:
                yield start
        finally:
            _run("git", "-C", str(CHECKOUT), "worktree", "remove", "--force", str(tree))


def _run(*command: str) -> None:
    # The make that runs this one hands its own options down.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
