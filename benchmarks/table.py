"""One line of result: what was measured, against what, and the bound it should keep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured ratio.

    Args:
        name: What was measured.
        peer: What it was measured against.
        microseconds: CPU time of one operation.
        peer_microseconds: CPU time of one operation of the peer.
        bound: The ratio that must not be exceeded.
    """

    name: str
    peer: str
    microseconds: float
    peer_microseconds: float
    bound: float

    @property
    def ratio(self) -> float:
        return self.microseconds / self.peer_microseconds

    def __str__(self) -> str:
        verdict = "ok" if self.ratio <= self.bound else "TOO SLOW"
        return (
            f"{self.name:<34} {self.microseconds:>9.1f} us   {self.peer:<34} "
            f"{self.peer_microseconds:>9.1f} us   {self.ratio:>5.2f} (at most {self.bound:.2f})  "
            f"{verdict}"
        )


def side_by_side(
    operation: Callable[[], object], peer: Callable[[], object], *, calls: int, rounds: int = 9
) -> tuple[float, float]:
    """Time both in turn, so that a machine whose speed drifts slows both.

    Returns:
        The medians over the rounds, in microseconds of CPU time per call.
    """
    times: list[tuple[float, float]] = [
        (_per_call(operation, calls), _per_call(peer, calls)) for _ in range(rounds)
    ]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def _per_call(operation: Callable[[], object], calls: int) -> float:
    begun = time.process_time_ns()
    for _ in range(calls):
        operation()
    return (time.process_time_ns() - begun) / calls / 1000
