"""What the smallest APIs under measurement answer."""

from __future__ import annotations


def answer() -> dict[str, object]:
    return {"notes": ["Milk", "Bread"]}
