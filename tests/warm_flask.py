"""The ``flask`` command in processes of its own that need not import the libraries once more.

One process imports them, which takes most of the time of a short command, and forks for each.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

# What every command of a server imports; the servers themselves may be copies that a test changes.
LIBRARIES = ("flask_handoff", "flask_service")
DRIVERS = (
    *("alembic.command", "argon2", "email.policy", "psycopg", "smtplib"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
)


PATIENCE = 60  # seconds for one command


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run_warm_flask(
    *arguments: str, directory: Path, environment: Mapping[str, str], answer: str = ""
) -> Done:
    """Run ``python -W error -m flask ARGUMENTS`` in a directory, with exactly this environment."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(answer)
        asked = {
            "arguments": arguments,
            "directory": str(directory),
            "environment": dict(environment),
            "streams": [str(stream) for stream in streams],
        }
        returncode = _ask(_start(), json.dumps(asked))
        return Done(returncode, *(stream.read_text() for stream in streams[1:]))


@functools.cache
def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", __file__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]
    atexit.register(_end, process)
    return process


def _ask(process: subprocess.Popen[str], line: str) -> int:
    assert process.stdin and process.stdout
    print(line, file=process.stdin, flush=True)
    if not select.select([process.stdout], [], [], PATIENCE)[0]:
        os.killpg(process.pid, signal.SIGKILL)
        _start.cache_clear()
        raise TimeoutError(f"no end of this command in {PATIENCE} s: {line}")
    return int(process.stdout.readline())


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        pass  # its input ends


def _serve() -> None:
    """Answer to each line with the exit status of a command."""
    _import_libraries()
    gc.freeze()  # else each command, at its end, would look through all of it
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return None


def _import_libraries() -> None:
    for name in LIBRARIES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(("__main__", "main_process")):
                importlib.import_module(module.name)
    for name in DRIVERS:
        importlib.import_module(name)
    for command in entry_points(group="flask.commands"):
        command.load()


def _become(
    arguments: list[str], directory: str, environment: dict[str, str], streams: list[str]
) -> None:
    """Be what ``python -m flask`` would be at its beginning, and go on as it."""
    for number, stream in enumerate(streams):
        mode = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        os.dup2(os.open(stream, mode), number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [directory, *filter(None, paths)]
    sys.argv[1:] = arguments
    runpy.run_module("flask", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
