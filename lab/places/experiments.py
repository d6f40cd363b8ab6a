"""The experiments, and how what is seen here compares with what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURED: Mapping[str, Any] = json.loads(
    Path(__file__).with_name("measured.json").read_text(encoding="utf-8")
)
"""What was measured, by browser: its version, and each place's outcomes."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One question, which every place is asked."""

    name: str
    question: str
    attack: bool = False  # one hopes for a no


EXPERIMENTS = (
    Experiment("kept", "The browser keeps it there"),
    Experiment("read", "A script that got into the page reads it", attack=True),
    Experiment("used", "That script acts as you, while the page is open", attack=True),
    Experiment(
        "strict", "That script runs where a Content-Security-Policy lets in none", attack=True
    ),
    Experiment("link", "A link on another site sends it"),
    Experiment("form", "A form on another site sends it", attack=True),
    Experiment("image", "An image on another site sends it", attack=True),
    Experiment("frame", "A frame on another site sends it", attack=True),
    Experiment("fetch", "A fetch() from another site sends it", attack=True),
    Experiment("reload", "The next page of the site still has it"),
    Experiment("tab", "Another tab has it"),
    Experiment("opened", "A window that the page opens has it"),
    Experiment("again", "It is still there after the tab was closed and reopened"),
    Experiment("back", "After the sign-out, Back shows the page as it was", attack=True),
    Experiment("copy", "A copy from before the sign-out still works after it", attack=True),
    Experiment("bytes", "Bytes with every request, pictures included"),
)
"""All of them, in the order of the pages."""

WORDS = {"token": "yes, token too", "page": "yes", "": "\N{EN DASH}"}
"""Outcomes that are not written as they are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: an experiment with its outcome here, and in each browser measured."""

    experiment: Experiment
    here: str
    chromium: str
    firefox: str

    @property
    def browsers_differ(self) -> bool:
        """Whether Chromium and Firefox do not do the same."""
        return self.chromium != self.firefox

    @property
    def differs_here(self) -> bool:
        """Whether this browser does what neither of them does."""
        return bool(self.here) and self.here not in (self.chromium, self.firefox)


def rows(place: str, seen: Mapping[str, str]) -> list[Row]:
    """Put what was seen of a place beside what was measured."""
    return [
        Row(
            each,
            seen.get(each.name, ""),
            measured("chromium", place, each.name),
            measured("firefox", place, each.name),
        )
        for each in EXPERIMENTS
    ]


def verdict(seen: Mapping[str, str]) -> str:
    """Say in a sentence what matters most of what was seen; empty where that was not tried."""
    try:
        stolen, lives_on = seen["read"] == "yes", seen["copy"] == "yes"
    except KeyError:
        return ""
    script = "A script in the page can steal it" if stolen else "No script can read it"
    copy = "a copy still works after you sign out" if lives_on else "a copy stops at the sign-out"
    return f"{script}, {'and' if stolen == lives_on else 'but'} {copy}."


def measured(browser: str, place: str, experiment: str) -> str:
    """Return an outcome that was measured; empty where a place or an experiment is new."""
    outcomes: Mapping[str, str] = MEASURED[browser]["seen"].get(place, {})
    return outcomes.get(experiment, "")


def shown(outcome: str) -> str:
    """Write an outcome as a person reads it."""
    return WORDS.get(outcome, outcome)


def tone(experiment: Experiment, outcome: str) -> str:
    """Tell how an outcome is marked: ``good``, ``bad``, or empty for neither."""
    if not outcome or not experiment.attack:
        return ""
    return "good" if outcome == "no" else "bad"
