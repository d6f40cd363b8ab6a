"""What a check has found, in words for whoever runs the application."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "wrong"]
"""Wrong: sign-ins fail, or are not safe. Warning: they may, or something else is worth a look."""


class Finding(NamedTuple):
    """One sentence or two about one thing."""

    level: Level
    subject: str  # two or three words
    text: str  # what holds, or what does not
    remedy: str = ""  # what to write, or to do


def ok(subject: str, text: str) -> Finding:
    """Make a finding that asks for nothing."""
    return Finding("ok", subject, text)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """Make a finding of what may be right as it is."""
    return Finding("warning", subject, text, remedy)


def wrong(subject: str, text: str, remedy: str) -> Finding:
    """Make a finding of what has to be changed."""
    return Finding("wrong", subject, text, remedy)
