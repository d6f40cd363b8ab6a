"""E-mail addresses: which are accepted, and which two are the same.

The rule: an address is ASCII, of the form that HTML's ``<input type="email">`` takes, at most 254
characters. Two addresses are the same if they differ in the case of letters only. No Unicode
folding takes place, so no letter of another alphabet passes for one of an address on file; a domain
with other letters is written in its ``xn--`` form.
"""

from __future__ import annotations

import re

LONGEST_ADDRESS = 254  # characters: RFC 5321, section 4.5.3.1.3, less the angle brackets
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


class EmailAddressError(ValueError):
    """The text is not an e-mail address that can be used here."""


def fold(unverified_address: str) -> str:
    """Return the form in which an address is unique: surrounding blanks off, letters small.

    Raises:
        EmailAddressError: It is not an address as described above.
    """
    return check_address(unverified_address).lower()


def check_address(unverified_address: str) -> str:
    """Return the address as it was given, surrounding blanks off.

    Raises:
        EmailAddressError: It is not an address as described above.
    """
    address = unverified_address.strip(" ")
    if len(address) > LONGEST_ADDRESS or _ADDRESS.fullmatch(address) is None:
        raise EmailAddressError("That is not an e-mail address, such as name@example.com.")
    return address
