"""How the lab's pages cut what is too long to read, and show what was written for other readers."""

from __future__ import annotations

from flask import Flask

LONGEST_NAME = 11  # characters of a cookie's name
LONGEST_VALUE = 60  # characters of a field


def init_app(app: Flask) -> None:
    """Give the templates these functions as filters."""
    for each in (cookie_name, shortened, without_markup):
        app.add_template_filter(each)


def cookie_name(name: str) -> str:
    """Cut the random part of a name, as of ``s2_tx_…``, which tells a person nothing."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def shortened(value: str) -> str:
    """Cut a long value, such as a token. Its end is left: two tokens may begin alike."""
    if len(value) <= LONGEST_VALUE:
        return value
    return f"{value[:14]}…{value[-6:]} ({len(value)} characters)"


def without_markup(docstring: str) -> str:
    """Take the backticks and stars of reStructuredText away."""
    return docstring.replace("`", "").replace("*", "")
