"""Password rules: which password an account may get, and how hard it is to guess.

Length counts, and nothing else is demanded: no digits, no capitals, no regular change. Refused is
what an attacker tries first: the passwords that are seen most often, and what is known about the
account and the service, also with a year or a sign behind it. Both are found by zxcvbn, which has a
list of 30,000 passwords from leaks.

Sources: OWASP ASVS 5.0, 6.2.1, 6.2.4, 6.2.5, 6.2.8, 6.2.9 and 6.2.11; NIST SP 800-63B-4, section
3.1.1.2, which asks for 15 characters where a password is all there is.
"""

from __future__ import annotations

import math
import re
import string
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from .passwords import PasswordUnusableError, check_password

SHORTEST_PASSWORD = 8  # characters

_LONGEST_ESTIMATED = 72  # characters; the estimate's time grows fast with the length
_MOST_READINGS = 8  # of signs that stand for letters, as in p@$$w0rd

# To signs that stand for no letter, and that no keyboard has side by side.
_MEANINGLESS = str.maketrans("@({[<!|$+%\u0130", "§¶©®¿¡£¥µ÷I")

_GUESSED_FIRST = 1  # of zxcvbn's scores, 0 to 4: under 100 million guesses
_MOST_DECORATIONS = 6  # digits and signs that are guessed as well, such as a year and !

# Signs that stand for letters in a word such as p@ssw0rd; 1 and ! stand for two.
_READINGS = tuple(str.maketrans("@430$571!", letters) for letters in ("aaeosstii", "aaeosstll"))
_DECORATIONS = re.compile(r"[\W\d_]+")  # digits, signs and blanks
_RUN = re.compile(r"([\W\d_])\1+")  # of one of these, which is guessed like one
_REPEATED = re.compile(r"(.{3,36}?)\1+")  # a word, again and again
_AT_THE_END = string.digits + string.punctuation + string.whitespace
_SHORTEST_KNOWN = 3  # letters of a word about the account
# What a rule that demands a change, or a capital and a digit, makes people take.
_USUAL = frozenset(
    [
        "spring",
        "summer",
        "autumn",
        "winter",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ]
)

STRENGTHS = ("weak", "fair", "good", "strong")

# zxcvbn keeps what is known about the account in a global place while it estimates.
_estimating = threading.Lock()


def check_new_password(unverified_password: str, about: Iterable[str] = ()) -> str:
    """Return a password that an account may get.

    It is taken as typed, with its blanks and in its case; see ``PasswordHasher`` for its encoding.

    Args:
        unverified_password: 8 characters or more, 1,024 bytes or less.
        about: What an attacker knows about the account, for example its e-mail address and name,
            and the host of the service.

    Raises:
        PasswordUnusableError: It may not be used; the message may be shown.
    """
    password = check_length(unverified_password)
    about = [*about]
    is_common = password.lower() in _common_passwords() or _is_decorated(password, about)
    if is_common or _score(password, about) <= _GUESSED_FIRST:
        raise PasswordUnusableError(
            "That password is among the first that are guessed. "
            "Use another one, for example four unrelated words."
        )
    return password


def check_length(unverified_password: str) -> str:
    """Return a password of which nothing is asked but its length.

    Raises:
        PasswordUnusableError: Under 8 characters, over 1,024 bytes, or not Unicode text.
    """
    password = check_password(unverified_password)
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordUnusableError(f"The password needs at least {SHORTEST_PASSWORD} characters.")
    return password


def strength(password: str, about: Iterable[str] = ()) -> str:
    """Estimate, in a word, how hard a password is to guess that ``check_new_password`` passed."""
    return STRENGTHS[max(_score(password, about) - 1, 0)]


def _is_decorated(password: str, about: Iterable[str]) -> bool:
    """Tell whether a password is a common word, or a known one, with digits and signs around it."""
    guessed = {*_known_words(about)} | _USUAL | _common_passwords()
    length = len(_RUN.sub(r"\1", password))
    return any(
        word in guessed and length - len(whole) <= _MOST_DECORATIONS
        for whole in _words_in(password)
        for word in (whole, _repeated_in(whole))
    )


def _repeated_in(word: str) -> str:
    repeated = _REPEATED.fullmatch(word[:_LONGEST_ESTIMATED])
    return repeated[1] if repeated else word


def _known_words(about: Iterable[str]) -> Iterator[str]:
    """Find the words in what is known; a name as one word, and an address and its first part."""
    for text in map(_folded, about):
        whole = (_DECORATIONS.sub("", part) for part in (text, text.partition("@")[0]))
        for word in (*_DECORATIONS.split(text), *whole):
            if len(word) >= _SHORTEST_KNOWN:
                yield word


def _folded(text: str) -> str:
    # Without accents: pássword is guessed like password.
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _words_in(password: str) -> Iterator[str]:
    folded = _folded(password)
    bare = folded.rstrip(_AT_THE_END)
    for text in (folded, bare, bare.lstrip(_AT_THE_END)):
        for reading in ({}, *_READINGS):  # Pass-word, P4ssword
            yield _DECORATIONS.sub("", text.translate(reading))


def _score(password: str, about: Iterable[str]) -> int:
    # Imported when it is needed: its lists take 14 MB and 40 ms, and most commands ask nothing.
    from zxcvbn import zxcvbn

    known = [part for text in about for part in (text, *text.split("@"))]
    with _estimating:
        return int(zxcvbn(_bounded(password), user_inputs=known)["score"])


def _bounded(password: str) -> str:
    """Return what is estimated, within a tenth of a second, in the place of a password."""
    from zxcvbn.matching import L33T_TABLE

    start = password[:_LONGEST_ESTIMATED]
    # All combinations are tried, up to 700: with others waiting, a few such passwords stop us.
    found = (sum(sign in start for sign in signs) for signs in L33T_TABLE.values())
    readings = math.prod(max(number, 1) for number in found)
    return start if readings <= _MOST_READINGS else start.translate(_MEANINGLESS)


@cache
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
