"""What the figures of a run depend on: the machine, its load, and the versions of what runs."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import CHECKOUT

PACKAGES = (
    *("Flask", "Werkzeug", "granian", "PyJWT", "cryptography", "SQLAlchemy", "psycopg"),
    "Authlib",
)


def describe(base: str) -> dict[str, str]:
    """Return a name and a value for each, to be shown beside the figures."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    node = "" if (found := _said("node", "--version")) is None else f", Node {found}"
    about = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "load at the begin": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "versions": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{packages}{node}",
        "servers": "one granian worker each, 32 threads; CPU time of the servers' processes",
        "client": f"requests {version('requests')}, for every row",
        "commit": _said("git", "-C", str(CHECKOUT), "describe", "--always", "--dirty") or "unknown",
    }
    if base:
        about["base"] = _said("git", "-C", str(CHECKOUT), "describe", "--always", base) or base
    return about


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1] if model else platform.machine()


def _said(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
