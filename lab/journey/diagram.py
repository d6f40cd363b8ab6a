"""The sequence diagram of one journey: where each line and each word of it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_service.hops.hop import Hop
from lab.texts import cookie_name

from .story import Step
from .words import SERVER1

WIDTH = 620
BROWSER_X, SERVER1_X, SERVER2_X = 310, 70, 550
HEAD = 64  # above the first line
PER_STEP = 74
_SHIFT = 12  # of an arrow's end, away from the line of life
_LONGEST = 26  # characters of a label


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message."""

    x1: int
    x2: int
    y: int
    label: str
    note: str  # below the line
    has_token: bool

    @property
    def middle(self) -> int:
        """Where its label is centred."""
        return (self.x1 + self.x2) // 2


@dataclass(frozen=True, slots=True)
class Diagram:
    """All of it."""

    height: int
    arrows: Sequence[Arrow]
    numbers: Sequence[tuple[int, int, int]]  # with the place of each
    description: str

    width: int = WIDTH
    lanes: Sequence[tuple[int, str]] = (
        (SERVER1_X, "SERVER1"),
        (BROWSER_X, "Your browser"),
        (SERVER2_X, "SERVER2"),
    )


def draw(steps: Sequence[Step]) -> Diagram:
    """Draw the steps one below another, a request and an answer each."""
    arrows, numbers, sentences = [], [], []
    for index, step in enumerate(steps):
        hop, y = step.hop, HEAD + index * PER_STEP
        server_x = SERVER1_X if hop.server == SERVER1 else SERVER2_X
        inwards = _SHIFT if server_x < BROWSER_X else -_SHIFT
        here, there = BROWSER_X - inwards, server_x + inwards
        request = f"{hop.method} {hop.path}"
        brought, given = bool(step.token_came_in), bool(step.token_goes_in)
        arrows.append(Arrow(here, there, y, _short(request), "", brought))
        arrows.append(Arrow(there, here, y + 30, _short(_answer(hop)), _cookies(hop), given))
        numbers.append((step.number, server_x, y + 15))
        sentences.append(
            f"{step.number}: {request} to {hop.server}{', with the token' if brought else ''}; "
            f"the answer is {_answer(hop)}{', with the token' if given else ''}."
        )
    return Diagram(HEAD + len(steps) * PER_STEP, arrows, numbers, " ".join(sentences))


def _answer(hop: Hop) -> str:
    if not hop.location:
        return f"{hop.status} page"
    return f"{hop.status} {'page ' if hop.status == 200 else ''}to {_path(hop.location)}"


def _path(location: str) -> str:
    return "/" + location.split("://", 1)[-1].partition("/")[2]


def _cookies(hop: Hop) -> str:
    kept = [each.name for each in hop.set_cookies if "Max-Age=0" not in each.attributes]
    # The session's is set last, and matters most.
    return _short(f"sets {', '.join(map(cookie_name, reversed(kept)))}") if kept else ""


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
