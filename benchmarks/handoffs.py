"""A whole handoff of a signed-in user: CPU time, waiting and memory of both servers, of each pair.

All pairs that the wanted rows need run side by side, and take turns in each round. A handoff is
four requests: begin at SERVER2, through SERVER1, back to SERVER2's callback, and the page of notes.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

from benchmarks import pairs
from benchmarks.base_build import base_pair
from benchmarks.browser import Browser
from benchmarks.latency import milliseconds, percentile
from benchmarks.pairs import Pair, Start
from benchmarks.processes import UnavailableError, mebibytes
from benchmarks.tokens import bare_microseconds
from benchmarks.verdict import Row

WARM_UP, HANDOFFS, ROUNDS = 100, 25, 8  # the longest warm-up is what Node's compiler needs
WAITING = {"p50, 1 browser": (1, 50), "p99, 4 browsers": (4, 99), "p99, 16 browsers": (16, 99)}
TIMED = {1: 60, 4: 40, 16: 15}  # handoffs of each browser in a round
UNITS = {"CPU": "ms", "memory": "MiB", **dict.fromkeys(WAITING, "ms")}

Measured = dict[str, list[float]]  # one figure a start, by what was measured


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a row compares: *what* of the pair *ours*, with the same of the pair *peer*."""

    number: int
    what: str
    ours: str
    peer: str
    must: float | None = None
    aim: float | None = None


COMPARISONS = (
    Comparison(1, "CPU", "query", "base"),
    Comparison(2, "CPU", "query", "tutorial", must=1.30, aim=1.10),
    Comparison(2, "CPU", "query", "floor"),
    Comparison(3, "CPU", "query", "Authlib", must=0.45, aim=0.38),
    Comparison(3, "CPU", "query", "Node", must=0.75),
    Comparison(6, "p50, 1 browser", "query", "tutorial", must=1.4),
    Comparison(6, "p99, 4 browsers", "query", "tutorial", must=1.7),
    Comparison(6, "p99, 16 browsers", "query", "tutorial"),
    Comparison(7, "CPU", "form_post", "query", must=1.25),
    Comparison(9, "memory", "query", "tutorial", must=1.9),
    Comparison(10, "CPU", "PostgreSQL", "query", must=1.15),
)
NUMBERS = frozenset(comparison.number for comparison in COMPARISONS)
WAITS = ("query", "tutorial", "base")  # whose waiting and memory are measured
SPLIT = ("query", "base")  # whose CPU time is divided among the requests


def measure(
    numbers: Collection[int], starts: int, base: str | None
) -> tuple[list[Row], dict[str, Measured]]:
    """Measure the rows of these numbers.

    Args:
        numbers: Which rows.
        starts: How often all servers are started anew.
        base: The commit that row 1 compares with.

    Returns:
        The rows, and all that was measured: by pair, then by what it is.
    """
    wanted = [comparison for comparison in COMPARISONS if comparison.number in numbers]
    kinds = dict.fromkeys(kind for each in wanted for kind in (each.ours, each.peer))
    if base is not None:
        kinds["base"] = None
    measured: dict[str, Measured] = {kind: defaultdict(list) for kind in kinds}
    with ExitStack() as stack:
        prepared, missing = _prepare(kinds, base, stack)
        for number in range(starts):
            print(f"start {number + 1} of {starts}: {', '.join(prepared)}", flush=True)
            _measure_once(prepared, {each.what for each in wanted}, measured)
    return [_row(each, measured, missing) for each in wanted], measured


def _prepare(
    kinds: Collection[str], base: str | None, stack: ExitStack
) -> tuple[dict[str, Start], dict[str, str]]:
    def preparing(kind: str) -> AbstractContextManager[Start]:
        if kind != "base":
            return PAIRS[kind]()
        if base is None:
            raise UnavailableError("no commit was named: make bench BASE=...")
        return base_pair(base)

    prepared: dict[str, Start] = {}
    missing: dict[str, str] = {}
    for kind in kinds:
        try:
            prepared[kind] = stack.enter_context(preparing(kind))
        except UnavailableError as error:
            missing[kind] = str(error)
    return prepared, missing


PAIRS: Mapping[str, Callable[[], AbstractContextManager[Start]]] = {
    "query": pairs.our_pair,
    "form_post": lambda: pairs.our_pair(HANDOFF_RESPONSE_MODE="form_post"),
    "PostgreSQL": pairs.our_pair_on_postgresql,
    "tutorial": pairs.tutorial_pair,
    "floor": pairs.bare_pair,
    "Authlib": pairs.authlib_pair,
    "Node": pairs.node_pair,
}


def _measure_once(
    prepared: Mapping[str, Start], wanted: Collection[str], measured: dict[str, Measured]
) -> None:
    with ExitStack() as stack:
        running, browsers = {}, {}
        for kind, start in prepared.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            running[kind] = pair = stack.enter_context(start(folder))
            browsers[kind] = Browser(pair.cookies)
            for _ in range(WARM_UP):
                browsers[kind].hand_off(pair.begin)
        if "CPU" in wanted:
            for kind, figures in _cpu_milliseconds(running, browsers).items():
                for what, figure in figures.items():
                    measured[kind][what].append(figure)
        waiting = {kind: pair for kind, pair in running.items() if kind in WAITS}
        for what in WAITING.keys() & wanted:
            for kind, figure in _percentiles(waiting, *WAITING[what]).items():
                measured[kind][what].append(figure)
        if "memory" in wanted:
            for kind, pair in waiting.items():
                measured[kind]["memory"].append(sum(map(mebibytes, pair.pids)))


def _cpu_milliseconds(
    running: Mapping[str, Pair], browsers: Mapping[str, Browser]
) -> Mapping[str, Mapping[str, float]]:
    """Return the CPU time of one handoff, of each pair: in all, and of each request of ours."""
    rounds: dict[str, list[Mapping[str, float]]] = {kind: [] for kind in running}
    order = [*running.items()]
    for _ in range(ROUNDS):
        order.reverse()  # what comes first in a round may find the caches colder
        for kind, pair in order:
            whole = _used(pair, partial(browsers[kind].hand_off, pair.begin))
            parts = _parts(pair, browsers[kind], *whole) if kind in SPLIT else {}
            rounds[kind].append({"CPU": sum(whole), **parts})
    means = {
        kind: {what: statistics.fmean(each[what] for each in turns) for what in turns[0]}
        for kind, turns in rounds.items()
    }
    if "floor" in means:
        means["floor"]["CPU"] += sum(bare_microseconds()) / 1000
    return means


def _parts(pair: Pair, browser: Browser, server1: float, server2: float) -> dict[str, float]:
    """Return what each request of ours takes of what a handoff takes at both servers."""
    cookies = copy(browser.http.cookies)

    def begin_only() -> None:
        browser.http.cookies = copy(cookies)  # each begin leaves a cookie
        assert browser.get(pair.begin).status_code == 303

    begin = sum(_used(pair, begin_only))
    browser.http.cookies = cookies
    page = sum(_used(pair, lambda: browser.get(urljoin(pair.begin, "/notes"))))
    callback = server2 - begin - page
    return {"login": begin, "authorize": server1, "callback": callback, "notes": page}


def _used(pair: Pair, act: Callable[[], object]) -> list[float]:
    before = pair.cpu_seconds()
    for _ in range(HANDOFFS):
        act()
    after = pair.cpu_seconds()
    return [(late - early) / HANDOFFS * 1000 for early, late in zip(before, after, strict=True)]


def _percentiles(running: Mapping[str, Pair], browsers: int, percent: int) -> dict[str, float]:
    times: dict[str, list[float]] = {kind: [] for kind in running}
    for _ in range(3):
        for kind, pair in running.items():
            times[kind] += milliseconds(pair, browsers=browsers, handoffs=TIMED[browsers])
    return {kind: percentile(each, percent) for kind, each in times.items()}


def _row(
    comparison: Comparison, measured: Mapping[str, Measured], missing: Mapping[str, str]
) -> Row:
    of_ours, of_peer, of_base = (
        measured.get(kind, {}).get(comparison.what, [])
        for kind in (comparison.ours, comparison.peer, "base")
    )
    comparable = comparison.ours == "query" and comparison.peer != "base"
    ratios = [base / peer for base, peer in zip(of_base, of_peer, strict=False) if comparable]
    return Row(
        comparison.number,
        f"{NAMES[comparison.ours]}, {comparison.what}",
        NAMES[comparison.peer],
        UNITS[comparison.what],
        tuple(zip(of_ours, of_peer, strict=False)),
        must=comparison.must,
        aim=comparison.aim,
        before=statistics.median(ratios) if ratios else None,
        skipped=missing.get(comparison.peer) or missing.get(comparison.ours) or "",
    )


NAMES = {
    "query": "handoff",
    "form_post": "form_post handoff",
    "PostgreSQL": "handoff on PostgreSQL",
    "base": "base build",
    "tutorial": "tutorial pair",
    "floor": "four bare requests, sign, verify",
    "Authlib": "Authlib's code flow",
    "Node": "oidc-provider, openid-client",
}
