"""Text that people write in every script: which characters it may have, and where it ends."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

# Unicode's categories: controls, surrogates, private and unassigned characters, line ends.
_NOT_ON_A_LINE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
NOT_IN_A_TEXT = frozenset({"Cc", "Cs"})
"""What a text of several lines cannot have, but for its line ends and tabs."""

# What turns the direction of the text around it (Unicode's property Bidi_Control).
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_SEEN = "LNPS"  # categories begin with these: letters, digits, punctuation, signs such as emoji
# Letters and a sign that are all blank: the fillers of Hangul, the empty pattern of Braille.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")

# Python's blanks, and what a copy brings unseen: zero width space, word joiner, byte order mark,
# and marks of direction, as Windows puts around what is copied there. Overrides are refused.
_COPIED = _BIDI_CONTROLS - {"\u202d", "\u202e"}
_BLANKS = "".join([*filter(str.isspace, map(chr, range(0x3001))), "\u200b\u2060\ufeff", *_COPIED])


def trimmed(text: str) -> str:
    """Return the text without the blanks around it, of whatever kind."""
    return text.strip(_BLANKS)


def is_one_line(text: str) -> bool:
    """Tell whether a text is fit to be shown on one line, such as somebody's name.

    Every script may be used, with its blanks, marks and joiners: some letters need them.

    Sources: RFC 8264, section 4.3 (FreeformClass); RFC 5892, appendices A.1 and A.2 (joiners).
    """
    return not has_any(text, _NOT_ON_A_LINE) and _BIDI_CONTROLS.isdisjoint(text)


def is_seen(text: str) -> bool:
    """Tell whether anything of the text is visible."""
    return any(
        unicodedata.category(each)[0] in _SEEN and each not in _BLANK_LETTERS for each in text
    )


def has_any(text: str, categories: Collection[str]) -> bool:
    """Tell whether any character of the text is of these categories of Unicode."""
    return any(unicodedata.category(each) in categories for each in text)
