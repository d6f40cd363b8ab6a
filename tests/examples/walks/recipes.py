"""The functions that docs/recipes.md shows, as people copy them."""

from typing import Any

from tests.documents import DOCS, blocks


def block_with(text):
    """Return the one block that holds this."""
    (found,) = (block.text for block in blocks(DOCS / "recipes.md") if text in block.text)
    return found


def recipe(name):
    """Return the function of this name."""
    found: dict[str, Any] = {}
    exec(block_with(f"def {name}("), found)  # noqa: S102 - of this project
    return found[name]
