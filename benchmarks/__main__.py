"""``python -m benchmarks``: every row in one run; exit 1 when one misses its bound.

``python -m benchmarks --help`` says how to run some of them. ``python -m benchmarks chart`` writes
the figures of a run into ``docs/performance.md``, and draws ``docs/performance.svg``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks import (
    bearer,
    code_flow,
    enumeration,
    handoffs,
    imports,
    machine,
    programs,
    replay,
    revocation,
    tokens,
)
from benchmarks.handoffs import Measured
from benchmarks.processes import CHECKOUT
from benchmarks.publication import publish
from benchmarks.verdict import Row, Verdict

BY_THEMSELVES = (tokens, replay, enumeration, imports, code_flow, programs, bearer, revocation)
NUMBERS = handoffs.NUMBERS.union(*(part.NUMBERS for part in BY_THEMSELVES))
LAST_RUN = CHECKOUT / "build" / "benchmarks.json"


def main() -> int:
    if sys.argv[1:2] == ["chart"]:
        result = Path(sys.argv[2]) if len(sys.argv) > 2 else LAST_RUN
        publish(json.loads(result.read_text(encoding="utf-8")))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # and its servers too
    options = _options()
    starts = 1 if options.quick else options.starts
    about = machine.describe(options.base)
    print(*(f"{name}: {value}" for name, value in about.items()), sep="\n", flush=True)
    rows, measured = _measure(options.rows, starts, options.base or None)
    _write(options.json, about, rows, measured)
    return 1 if any(row.verdict is Verdict.MISSED for row in rows) else 0


def _measure(
    numbers: frozenset[int], starts: int, base: str | None
) -> tuple[list[Row], dict[str, Measured]]:
    rows: list[Row] = []

    def show(found: Iterable[Row]) -> None:
        for row in found:
            rows.append(row)
            print(row, flush=True)

    for part in BY_THEMSELVES:
        if part.NUMBERS & numbers:
            show(row for row in part.measure(starts) if row.number in numbers)
    measured: dict[str, Measured] = {}
    if handoffs.NUMBERS & numbers:
        found, measured = handoffs.measure(numbers, starts, base)
        show(found)
    return rows, measured


def _write(
    path: Path, about: dict[str, str], rows: list[Row], measured: dict[str, Measured]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {"about": about, "rows": [row.as_json() for row in rows], "measured": measured}
    rounded = json.loads(json.dumps(result), parse_float=lambda text: round(float(text), 4))
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rows", type=_numbers, default=NUMBERS, help="for example 2,7")
    parser.add_argument("--base", default="", help="the commit that row 1 compares with")
    parser.add_argument("--starts", type=int, default=5, help="of all servers; 5 by itself")
    parser.add_argument("--quick", action="store_true", help="one start, which judges nothing")
    parser.add_argument("--json", type=Path, default=LAST_RUN, help="where the result is written")
    return parser.parse_args()


def _numbers(text: str) -> frozenset[int]:
    numbers = frozenset(int(number) for number in text.split(",") if number)
    if unknown := numbers - NUMBERS:
        raise argparse.ArgumentTypeError(f"no such row: {sorted(unknown)}; {sorted(NUMBERS)}")
    return numbers or NUMBERS


if __name__ == "__main__":
    sys.exit(main())
