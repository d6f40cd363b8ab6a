"""Reads the files of vectors; what a receiver in another language has to do as well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def documents() -> dict[str, dict[str, Any]]:
    """Return the content of every file, by the file's name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
    }


def text_of(token: str | list[Any]) -> str:
    """Put a token together from its parts."""
    if isinstance(token, str):
        return token
    return "".join(part if isinstance(part, str) else _part(part) for part in token)


def _part(part: Mapping[str, Any]) -> str:
    if "utf16" in part:
        return chr(int(part["utf16"], 16))
    text: str = part["repeat"]
    return text * int(part["times"])
