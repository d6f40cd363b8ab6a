"""Of what form the texts of a token's claims are: where they are made, and where they are read."""

from __future__ import annotations

import re
from typing import TypeGuard

LONGEST_TEXT = 255  # characters

# Without controls, line ends, the marks that turn the direction of the text behind them, and halves
# of surrogate pairs, which cannot be encoded.
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]{1,255}")


def is_text(value: object, longest: int = LONGEST_TEXT) -> TypeGuard[str]:
    """Tell whether it is printable text of at most so many characters, not empty.

    Control characters forge log lines; spaces at the ends make two subjects look alike.
    """
    return (
        type(value) is str
        and value != ""
        and not value[longest:]
        and value.isprintable()
        and " " not in (value[0], value[-1])
    )


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether it is a text of 1 to 255 characters that is only ever shown to people.

    Names need more than ``is_text`` allows: the wide space of Japanese, the joiners of Persian.
    """
    return type(value) is str and _NAME.fullmatch(value) is not None
