"""E-mail addresses: which an account may have, and which two are the same.

The rule: an address is ASCII, without quotes, comments, encoded words or a name around it, at most
254 characters, and its syntax is judged by the package email-validator, without a network request.
A name of one network only, as under ``.local``, will do: the operator's mail server decides.
It is kept as it was given. Two addresses are the same if they differ in the case of ASCII letters
only. No Unicode folding takes place, so no letter of another alphabet passes for one of an address
on file; a domain with other letters is written in its ``xn--`` form.
"""

from __future__ import annotations

import re

LONGEST_ADDRESS = 254  # characters: RFC 5321, section 4.5.3.1.3, less the angle brackets

# Names for a network of one's own: RFC 6762 and RFC 8375. The package knows .test alone of them.
_PRIVATE_DOMAIN = re.compile(r"(?<=[^.@])\.(?:local|home\.arpa)\Z", re.IGNORECASE)


class EmailAddressError(ValueError):
    """The text is not an e-mail address that can be used here."""

    def __init__(self) -> None:
        # What was given is not repeated: it may be a password in the wrong field.
        super().__init__("That is not an e-mail address. For example: name@example.com.")


def fold(unverified_address: str) -> str:
    """Return the form in which an address is looked up: without surrounding blanks, in lower case.

    Raises:
        EmailAddressError: No account can have it: empty, too long, or not printable ASCII.
    """
    address = unverified_address.strip(" ")
    printable = address.isascii() and address.isprintable()
    if not printable or not 1 <= len(address) <= LONGEST_ADDRESS:
        raise EmailAddressError
    return address.lower()


def check_address(unverified_address: str) -> str:
    """Return an address that an account may get, as it was given, surrounding blanks off.

    Raises:
        EmailAddressError: It is not an address as described above.
    """
    # Its tables take 30 ms to import, and few processes meet a new address.
    from email_validator import EmailNotValidError, validate_email

    fold(unverified_address)
    address = unverified_address.strip(" ")
    # RFC 2047, section 2: a mail's reader decodes such a word into another address.
    if "=?" in address:
        raise EmailAddressError
    try:
        validate_email(
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
    return address
