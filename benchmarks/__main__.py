"""``python -m benchmarks``: every ratio in one run; exit 1 when one is over its bound."""

from __future__ import annotations

import sys

from benchmarks import enumeration, handoff, replay, tokens


def main() -> int:
    too_slow = False
    for part in (tokens, replay, handoff, enumeration):
        for row in part.measure():
            print(row, flush=True)
            too_slow |= row.ratio > row.bound
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
