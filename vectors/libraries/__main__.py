"""``python -m vectors.libraries``: ask the libraries anew, and write the table of the document.

They are installed in ``build/libraries``, as requirements.txt here pins them, beside nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CHECKOUT = FOLDER.parents[1]
LOCK = FOLDER / "requirements.txt"
RESULTS = FOLDER / "results.json"
ENVIRONMENT = CHECKOUT / "build" / "libraries"
DOCUMENT = CHECKOUT / "docs" / "which-library.md"
BEGIN, END = "<!-- written by python -m vectors.libraries: begin -->", "<!-- end -->"


def ask() -> dict[str, Any]:
    """Run the vectors through each library, in an environment of their own."""
    python = ENVIRONMENT / "bin" / "python"
    made_from = ENVIRONMENT / "made-from"
    if not made_from.exists() or made_from.read_bytes() != LOCK.read_bytes():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True)
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
        subprocess.run((*pip, "--only-binary", ":all:", "--require-hashes", "-r", LOCK), check=True)
        # Written last: an interrupted installation is never taken for a finished one.
        made_from.write_bytes(LOCK.read_bytes())
    done = subprocess.run(
        [python, "-W", "ignore", "-m", "vectors.libraries.verdicts"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def document(results: Mapping[str, Any]) -> str:
    """Return the document with the table of these results."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(_table(results))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _table(results: Mapping[str, Any]) -> Iterator[str]:
    accepted, versions = results["accepted"], results["versions"]
    heads = [f"{name} {versions[name]}" if name in versions else name for name in accepted]
    yield f"| what is wrong with the token | of | {' | '.join(heads)} |"
    yield f"|---|{'---|' * (len(heads) + 1)}"
    for row, there in results["vectors"].items():
        counts = [each[row] for each in accepted.values()]
        yield f"| {row} | {there} | {' | '.join(map(str, counts))} |"
    sums = [sum(each.values()) for each in accepted.values()]
    yield f"| all of these | {sum(results['vectors'].values())} | {' | '.join(map(str, sums))} |"


def main() -> None:
    """Write what the libraries do today, and the document's table from it."""
    results = ask()
    RESULTS.write_text(f"{json.dumps(results, indent=1)}\n", encoding="utf-8")
    DOCUMENT.write_text(document(results), encoding="utf-8")


if __name__ == "__main__":
    main()
