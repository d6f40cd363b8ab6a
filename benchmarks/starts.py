"""Operations within one process, measured in a fresh one for each start."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Argument = TypeVar("_Argument")
ROUNDS = 9


def in_fresh_processes(
    measure: Callable[[_Argument], tuple[float, float]], argument: _Argument, starts: int
) -> tuple[tuple[float, float], ...]:
    """Measure as often as there are starts, each time in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        return tuple(processes.map(measure, [argument] * starts))


def side_by_side(
    operation: Callable[[], object], peer: Callable[[], object], *, calls: int
) -> tuple[float, float]:
    """Time both in turn, so that a machine whose speed drifts slows both.

    Returns:
        The medians over the rounds, in microseconds of CPU time per call.
    """
    times = [(_per_call(operation, calls), _per_call(peer, calls)) for _ in range(ROUNDS)]
    mine, theirs = zip(*times, strict=True)
    return statistics.median(mine), statistics.median(theirs)


def _per_call(operation: Callable[[], object], calls: int) -> float:
    begun = time.process_time_ns()
    for _ in range(calls):
        operation()
    return (time.process_time_ns() - begun) / calls / 1000
