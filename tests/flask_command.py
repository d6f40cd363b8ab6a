"""The ``flask`` command of an operator, who stands in some directory with some settings."""

import importlib
import os
import subprocess
import sys
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from flask.cli import cli

# Before Click 8.2 they were one, unless that was asked for.
KNOWN = signature(CliRunner).parameters
TWO_STREAMS: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in KNOWN else {}
OURS = ("FLASK_", "HANDOFF_", "SERVER1_", "SERVER2_")


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


def run_flask(directory, *arguments, answer="", settings=None):
    """Run it in the test's process: a process of its own takes a third of a second to begin."""
    foreign = dict.fromkeys(name for name in os.environ if name.startswith(OURS))
    # Flask sets this one itself, and would leave it behind.
    environment = {"FLASK_RUN_FROM_CLI": None, **foreign, **(settings or {})}
    with chdir(directory), no_module_left_behind(directory):
        done = CliRunner(env=environment, **TWO_STREAMS).invoke(
            cli, arguments, input=answer, catch_exceptions=False, prog_name="flask"
        )
    return Answer(done.exit_code, done.stdout, done.stderr)


def run_flask_process(directory, *arguments, answer="", settings=None, wrapped=()):
    """Run it as an operator's shell does; *wrapped* is a command that runs the one behind it."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    done = subprocess.run(
        [*wrapped, sys.executable, "-W", "error", "-m", "flask", *arguments],
        cwd=directory,
        env=bare | (settings or {}),
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@contextmanager
def no_module_left_behind(directory):
    """Let the next test write an application of the same name."""
    path = [*sys.path]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(directory):
                del sys.modules[name]
