"""The figures of a run for readers: a table in ``docs/performance.md``, and a chart beside it."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.chart import Bar, draw
from benchmarks.handoffs import NAMES
from benchmarks.processes import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
FIGURES = PAGE.with_suffix(".json")
CHART = PAGE.with_suffix(".svg")
REQUESTS = {
    "login": "`/sso/login` begins",
    "authorize": "`/authorize` mints",
    "callback": "`/sso/callback` verifies, opens a session",
    "notes": "`/notes` shows the page",
}
_BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


def publish(result: Mapping[str, Any]) -> None:
    """Write the result of a run, its tables and its chart into ``docs``."""
    FIGURES.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BETWEEN.sub(lambda _: tables(result), page), encoding="utf-8")
    CHART.write_text(chart(result), encoding="utf-8")


def tables(result: Mapping[str, Any]) -> str:
    """Return the tables of a result in Markdown."""
    return "\n".join(["", *_about(result), "", *_rows(result), "", *_requests(result), "", ""])


def chart(result: Mapping[str, Any]) -> str:
    """Return the chart of a result: the CPU time of one handoff, of each pair that was measured."""
    named = {**NAMES, "query": "handoff, now", "base": "handoff, before"}
    bars = []
    for kind, figures in result["measured"].items():
        if figures.get("CPU"):
            whole = _median(figures["CPU"])
            parts = [_median(figures[request]) for request in REQUESTS if request in figures]
            # Medians do not add up to the median of the whole.
            scaled = tuple(part / sum(parts) * whole for part in parts)
            bars.append(Bar(named[kind], scaled or (whole,)))
    legend = tuple(text.replace("`", "") for text in REQUESTS.values())
    return draw("CPU time of one handoff at both servers, ms", bars, legend)


def _about(result: Mapping[str, Any]) -> Iterator[str]:
    for name, value in result["about"].items():
        yield f"* {name}: {value}"


def _rows(result: Mapping[str, Any]) -> Iterator[str]:
    yield "| row | what | divided by | before | now | spread | must | aim | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in sorted(result["rows"], key=lambda row: int(row["number"])):
        begin = f"| {row['number']} | {row['name']} | {row['peer']} | {_ratio(row['before'])}"
        bounds = f"{_ratio(row['must'])} | {_ratio(row['aim'])}"
        if row["skipped"]:
            yield f"{begin} | | | {bounds} | skipped: {row['skipped']} |"
        else:
            spread = f"{_ratio(row['spread'][0])} to {_ratio(row['spread'][-1])}"
            now = f"**{_ratio(row['ratio'])}** | {spread}"
            yield f"{begin} | {now} | {bounds} | {row['verdict']} |"


def _requests(result: Mapping[str, Any]) -> Iterator[str]:
    measured = result["measured"]
    now, before = measured.get("query", {}), measured.get("base", {})
    yield "| CPU time of one handoff, ms | before | now |"
    yield "|---|---|---|"
    for what, text in {**REQUESTS, "CPU": "in all"}.items():
        yield f"| {text} | {_milliseconds(before, what)} | {_milliseconds(now, what)} |"
    floor = _milliseconds(measured.get("floor", {}), "CPU")
    yield f"| the floor: {NAMES['floor']} | | {floor} |"


def _milliseconds(figures: Mapping[str, list[float]], what: str) -> str:
    return f"{_median(figures[what]):.2f}" if figures.get(what) else ""


def _median(figures: list[float]) -> float:
    return statistics.median(figures)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
