"""What the figures of a run depend on: the machine, its load, and the versions of what runs."""

from __future__ import annotations

import json
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
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    packages = [f"{package} {version(package)}" for package in PACKAGES]
    node = json.loads((CHECKOUT / "benchmarks" / "node_pair" / "package.json").read_text())
    others = [f"{name} {pinned}" for name, pinned in node["dependencies"].items()]
    about = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "load at the begin": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "versions": ", ".join([python, *packages]),
        "other peers": ", ".join(
            [f"Node {_said('node', '--version')}", *others, f"{_said('psql', '--version')}"]
        ),
        "servers": "one granian worker each, 32 threads; CPU time of the servers' processes",
        "client": f"requests {version('requests')}, for every row",
        "commit": _said("git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"),
    }
    if base:
        about["base"] = _said("git", "-C", str(CHECKOUT), "describe", "--always", base)
    return about


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1] if model else platform.machine()


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "absent"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
