"""E-mail addresses: which an account may have, and which two are the same.

The rule: an address is ASCII, without quotes, comments, encoded words or a name around it, at most
254 characters, and its syntax is judged by the package email-validator, without a network request.
A name of one network only, as under ``.local``, will do: the operator's mail server decides.
It is kept as it was given, without the blanks around it. A domain with other letters is turned into
its ``xn--`` form first, as mail programs do (RFC 5891, section 5). Two addresses are the same if
they differ in the case of ASCII letters only: before the @ no Unicode folding takes place, so no
letter of another alphabet passes for one of an address on file.
"""

from __future__ import annotations

import re
from typing import Any

from flask_service.human_text import trimmed

LONGEST_ADDRESS = 254  # characters: RFC 5321, section 4.5.3.1.3, less the angle brackets

# Names for a network of one's own: RFC 6762 and RFC 8375. The package knows .test alone of them.
_PRIVATE_DOMAIN = re.compile(r"(?<=[^.@])\.(?:local|home\.arpa)\Z", re.IGNORECASE)


class EmailAddressError(ValueError):
    """The text is not an e-mail address that can be used here."""

    def __init__(self) -> None:
        # What was given is not repeated: it may be a password in the wrong field.
        super().__init__("That is not an e-mail address. For example: name@example.com.")


def fold(unverified_address: str) -> str:
    """Return the form in which an address is looked up: blanks off, ``xn--``, in lower case.

    Raises:
        EmailAddressError: No account can have it: empty, too long, or not printable ASCII.
    """
    return _ascii(unverified_address).lower()


def check_address(unverified_address: str) -> str:
    """Return an address that an account may get, blanks off and its domain in ASCII.

    Raises:
        EmailAddressError: It is not an address as described above.
    """
    address = _ascii(unverified_address)
    # RFC 2047, section 2: a mail's reader decodes such a word into another address.
    if "=?" in address:
        raise EmailAddressError
    _validated(address)
    return address


def _ascii(unverified_address: str) -> str:
    address = trimmed(unverified_address)
    local_part, _at, domain = address.rpartition("@")
    if len(address) <= LONGEST_ADDRESS and local_part.isascii() and not domain.isascii():
        address = f"{local_part}@{_validated(address).ascii_domain}"
    printable = address.isascii() and address.isprintable()
    if not printable or not 1 <= len(address) <= LONGEST_ADDRESS:
        raise EmailAddressError
    return address


def _validated(address: str) -> Any:
    # Its tables take 30 ms to import, and few processes meet a new address.
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(
            _PRIVATE_DOMAIN.sub(".test", address),
            allow_smtputf8=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            check_deliverability=False,
            strict=True,
            # Mail within one organisation: such names, and hosts without a dot.
            test_environment=True,
            globally_deliverable=False,
        )
    except EmailNotValidError:
        raise EmailAddressError from None
