"""The strangers' environments: made at first use, kept in ``build/strangers`` as their locks are.

Nothing that a stranger depends on is installed beside what the project depends on.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.documents import CHECKOUT

STRANGERS = CHECKOUT / "tests" / "strangers"
KEPT = CHECKOUT / "build" / "strangers"
PATIENCE = 600  # seconds for one installation
LEAST_NODE = 20  # its oldest version with all that the stranger uses


class UnavailableError(Exception):
    """A stranger cannot be installed here; the text says why."""


class NodeMissingError(UnavailableError):
    """There is no Node.js here that a stranger could run on."""


class Environments:
    """Makes environments, and does not try again where the packages are out of reach.

    Args:
        strangers: Holds a folder for each stranger, with its lock.
        kept: Where the environments go.
        least_node: The oldest version of Node.js that they run on.
    """

    def __init__(self, strangers=STRANGERS, kept=KEPT, least_node=LEAST_NODE):
        self._strangers = strangers
        self._kept_in = kept
        self._least_node = least_node
        self._refusal = None

    def command(self, stranger):
        """Return the command that runs a stranger, in its own environment.

        Raises:
            UnavailableError: It cannot be installed.
        """
        if (self._strangers / stranger / "package-lock.json").exists():
            return self._node(stranger)
        return self._python(stranger)

    def _python(self, stranger):
        lock = self._strangers / stranger / "requirements.txt"

        def make(folder):
            run(sys.executable, "-m", "venv", "--without-pip", folder)
            pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
            quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
            # Of a source distribution the build would run, with tools that no lock holds.
            run(*pip, "install", *quiet, "--only-binary", ":all:", "--require-hashes", "-r", lock)

        folder = self._kept(stranger, [lock], f"{sys.version} {sys.base_prefix}", make)
        return [folder / "bin" / "python", self._strangers / stranger / "app.py"]

    def _node(self, stranger):
        version = node_version(self._least_node)
        # The modules of a program are looked for beside it.
        files = [
            self._strangers / stranger / name
            for name in ("package.json", "package-lock.json", "app.mjs")
        ]

        def make(folder):
            folder.mkdir()
            for file in files:
                shutil.copy(file, folder)
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

        return ["node", self._kept(stranger, files, version, make) / "app.mjs"]

    def _kept(self, stranger, files, maker, make):
        """Return the folder of an environment; of several processes one makes it."""
        if self._refusal is not None:
            raise UnavailableError(self._refusal)
        folder = self._kept_in / stranger
        contents = b"".join(file.read_bytes() for file in files)
        wanted = f"{maker}\n{folder}\n{hashlib.sha256(contents).hexdigest()}"
        made_from = folder / "made-from"
        self._kept_in.mkdir(parents=True, exist_ok=True)
        with (self._kept_in / f"{stranger}.lock").open("w") as waiting:
            fcntl.flock(waiting, fcntl.LOCK_EX)
            if not made_from.exists() or made_from.read_text() != wanted:
                shutil.rmtree(folder, ignore_errors=True)
                try:
                    make(folder)
                except (OSError, subprocess.SubprocessError) as error:
                    self._refusal = f"{stranger} cannot be installed here: {reason_of(error)}"
                    raise UnavailableError(self._refusal) from error
                # Written last: an interrupted installation is never taken for a finished one.
                made_from.write_text(wanted)
        return folder


def node_version(least):
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NodeMissingError("There is no Node.js with npm.")
    version = run("node", "--version").strip()
    if int(version.removeprefix("v").partition(".")[0]) < least:
        raise NodeMissingError(f"Node.js is {version}, older than {least}.")
    return version


def run(*command, cwd: Path | None = None):
    done = subprocess.run(
        [os.fspath(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout


def reason_of(error):
    written = (getattr(error, "stderr", None) or str(error)).strip()
    return written.splitlines()[-1]
