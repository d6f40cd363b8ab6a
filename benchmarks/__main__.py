"""``python -m benchmarks``: every ratio in one run; exit 1 when one is over its bound.

Names of parts behind it, such as ``imports tokens``, run those alone.
"""

from __future__ import annotations

import sys

from benchmarks import enumeration, handoff, imports, replay, tokens

PARTS = (tokens, replay, handoff, enumeration, imports)


def main() -> int:
    parts = {part.__name__.removeprefix("benchmarks."): part for part in PARTS}
    wanted = sys.argv[1:] or list(parts)
    if unknown := set(wanted) - parts.keys():
        raise SystemExit(
            f"No such part: {', '.join(sorted(unknown))}. There are {', '.join(parts)}."
        )
    too_slow = False
    for part in map(parts.__getitem__, wanted):
        for row in part.measure():
            print(row, flush=True)
            too_slow |= row.ratio > row.bound
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
