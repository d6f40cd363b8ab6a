"""What an import costs, in a fresh interpreter, against importing what ours builds on.

CPU time, user and system, of which the least of several turns counts: whatever else the machine
does only adds to it. All read compiled modules, which an environment may forbid to write.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

from benchmarks.verdict import Row

TURNS = 4
NUMBERS = frozenset({13})
PAIRS = (  # what is imported, the peer, and what must be kept
    ("flask_handoff", "flask, jwt", 1.25),
    ("server1", "flask, jwt, sqlalchemy", 1.5),
    ("server2", "flask, jwt, sqlalchemy", 1.4),
)


def measure(starts: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for ours, peer, must in PAIRS:
            for modules in (ours, peer):
                _microseconds(modules, environment)  # compiles them
            times = tuple(_least(ours, peer, environment) for _ in range(starts))
            yield Row(13, f"import {ours}", f"import {peer}", "us", times, must=must)


def _least(ours: str, peer: str, environment: Mapping[str, str]) -> tuple[float, float]:
    turns = [
        (_microseconds(ours, environment), _microseconds(peer, environment)) for _ in range(TURNS)
    ]
    return min(mine for mine, _ in turns), min(theirs for _, theirs in turns)


def _microseconds(modules: str, environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return (user + system) * 1e6
