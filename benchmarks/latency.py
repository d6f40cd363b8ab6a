"""How long a handoff takes while other browsers are at it, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from threading import Barrier

from benchmarks.browser import Browser
from benchmarks.pairs import Pair

WARM_UP = 3
PATIENCE = 60  # seconds until all have to be there
_together: Barrier | None = None


def milliseconds(pair: Pair, *, browsers: int, handoffs: int) -> list[float]:
    """Return how long each handoff took, of so many browsers that begin at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(browsers)
    with ProcessPoolExecutor(browsers, context, _wait_for_each_other, (barrier,)) as processes:
        each = processes.map(_hand_off, [pair] * browsers, [handoffs] * browsers)
        return list(chain.from_iterable(each))


def percentile(values: list[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def _wait_for_each_other(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _hand_off(pair: Pair, handoffs: int) -> list[float]:
    browser = Browser(pair.cookies)
    for _ in range(WARM_UP):
        browser.hand_off(pair.begin)
    assert _together is not None
    _together.wait(PATIENCE)
    times = []
    for _ in range(handoffs):
        begun = time.perf_counter()
        browser.hand_off(pair.begin)
        times.append((time.perf_counter() - begun) * 1000)
    return times
