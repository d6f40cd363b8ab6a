"""base64url without padding, as JOSE writes octets: one spelling for the same octets."""

from __future__ import annotations

import base64
import binascii

# What is no base64url, the other alphabet included, becomes what is no base64 either.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")


def encode(octets: bytes) -> str:
    """Write octets in base64url, without ``=`` at the end.

    Source: RFC 7515, section 2.
    """
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(unverified_text: str | bytes) -> bytes:
    """Read octets written by ``encode``.

    Two spellings of the same octets would be two tokens, or two keys, where texts are compared.

    Raises:
        ValueError: Not base64url, or not the one spelling of its octets.
    """
    text = unverified_text.encode("ascii") if isinstance(unverified_text, str) else unverified_text
    padded = text.translate(_TO_BASE64) + b"=" * (-len(text) % 4)
    octets = binascii.a2b_base64(padded)
    if binascii.b2a_base64(octets, newline=False) != padded:
        raise ValueError("not canonical base64url")
    return octets
