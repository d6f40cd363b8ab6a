import unicodedata

import pytest

from flask_service.human_text import is_one_line, is_seen, trimmed

NAMES = [
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "ക്രിസ്\u200d",  # Malayalam, with the joiner that makes a chillu
    "Ada\u00a0B",
    "山田\u3000太郎",
    "José",
    "Zoë O\u2019Neill-Núñez",
    "👩\u200d💻",
    "\U0001f1ee\U0001f1f3",  # a flag
]
UNFIT = [
    "\n",
    "\0",
    "\x85",
    "\u2028",
    "\u2029",
    "\ud800",
    "\ue000",
    "\U000e0fff",
    "\u202e",
    "\u2066",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_every_script_is_one_line(name):
    assert is_one_line(name)
    assert is_seen(name)


@pytest.mark.parametrize("character", UNFIT, ids=ascii)
def test_a_character_that_is_no_part_of_a_line_is_found(character):
    assert not is_one_line(f"Ada{character}B")


@pytest.mark.parametrize(
    "text", ["", " ", "\u200d", "\u200b\u3000", "\u0301", "\ufe0f", "\u3164"], ids=ascii
)
def test_what_shows_nothing_is_no_name(text):
    assert not is_seen(text)


def test_blanks_of_each_kind_are_trimmed():
    blanks = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Zs"]
    for blank in [*blanks, "\t", "\r\n", "\u2028", *"\u200b\ufeff\u2060\u200e\u202a\u202c"]:
        assert trimmed(f"{blank}a{blank} b{blank}{blank}") == f"a{blank} b"
