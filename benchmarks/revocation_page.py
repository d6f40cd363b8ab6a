"""The table of ``docs/revocation.md``, written from what ``benchmarks.revocation`` has found."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.processes import CHECKOUT

PAGE = CHECKOUT / "docs" / "revocation.md"
FIGURES = PAGE.with_suffix(".json")
_BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


def table(found: Mapping[str, Any]) -> str:
    """Return the table of a result in Markdown."""
    lines = [
        "",
        *(f"* {name}: {value}" for name, value in found["about"].items()),
        "",
        "| strategy | check among 10³, 10⁵, 10⁶ entries, µs "
        "| bearer request with it, divided by one without, at 10⁶ | memory an entry, bytes "
        "| loading 10⁶ at a start, s | until the last process refuses, s |",
        "|---|---|---|---|---|---|",
        "| `none` | 0 | 1 | 0 | 0 | 605: the token's life and the leeway |",
    ]
    delays = sorted(found["delays"])
    middle, longest = statistics.median(delays), delays[-1]
    for strategy, at in found["strategies"].items():
        checks = ", ".join(f"{each['check']:.1f}" for each in at["figures"])
        ratios = sorted(mine / theirs for mine, theirs in at["requests"])
        last = at["figures"][-1]
        lines.append(
            f"| `{strategy}` | {checks} | {statistics.median(ratios):.3f} "
            f"({ratios[0]:.3f} to {ratios[-1]:.3f}) | {last['memory']:.0f} | {last['load']:.1f} "
            f"| {middle:.2f}, at most {longest:.2f} |"
        )
    _mine, theirs = found["strategies"]["blocklist"]["requests"][0]
    lines += ["", f"A bearer request without a check took {theirs:.0f} µs in that run.", "", ""]
    return "\n".join(lines)


def publish(found: Mapping[str, Any]) -> None:
    """Write the figures, and the table of ``docs/revocation.md``."""
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BETWEEN.sub(lambda _: table(found), page), encoding="utf-8")
