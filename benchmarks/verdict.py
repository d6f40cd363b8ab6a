"""One row of the result: a ratio over several starts, its spread, and how it keeps its bound."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    MISSED = "MISSED"
    TOO_BUSY = "too busy to tell"  # the spread covers the bound
    SHOWN = "no bound"
    NOT_JUDGED = "one start, not judged"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """What something costs, divided by what a peer costs.

    Args:
        number: The row's number, by which it is asked for.
        name: What was measured.
        peer: What it is divided by.
        unit: Of both.
        starts: Both, for each start of the servers or processes.
        must: The ratio that must not be exceeded.
        aim: The ratio to reach.
        before: The ratio of the base build.
        skipped: Why there is no figure.
    """

    number: int
    name: str
    peer: str
    unit: str
    starts: tuple[tuple[float, float], ...] = ()
    must: float | None = None
    aim: float | None = None
    before: float | None = None
    skipped: str = ""

    @property
    def ratios(self) -> list[float]:
        return sorted(mine / theirs for mine, theirs in self.starts)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def medians(self) -> tuple[float, float]:
        mine, theirs = zip(*self.starts, strict=True)
        return statistics.median(mine), statistics.median(theirs)

    @property
    def verdict(self) -> Verdict:
        if self.skipped:
            return Verdict.SKIPPED
        if self.must is None:
            return Verdict.SHOWN
        if len(self.starts) == 1:
            return Verdict.NOT_JUDGED
        least, *_, most = self.ratios
        if most <= self.must:
            return Verdict.OK
        return Verdict.TOO_BUSY if least <= self.must else Verdict.MISSED

    def as_json(self) -> dict[str, object]:
        """Return all of it, and what follows from it, for a file."""
        result = {} if self.skipped else {"ratio": self.ratio, "spread": self.ratios}
        return {**asdict(self), **result, "verdict": self.verdict}

    def __str__(self) -> str:
        title = f"{self.number:>2} {self.name} / {self.peer}"
        if self.skipped:
            return f"{title:<62} skipped: {self.skipped}"
        mine, theirs = self.medians
        bounds = [("must", self.must), ("aim", self.aim)]
        named = ", ".join(f"{name} {bound:.2f}" for name, bound in bounds if bound is not None)
        return (
            f"{title:<62} {mine:>9.1f} / {theirs:>9.1f} {self.unit:<8}"
            f" {self.ratio:>5.2f} ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f})"
            f"  {self.verdict}{f' ({named})' if named else ''}"
        )
