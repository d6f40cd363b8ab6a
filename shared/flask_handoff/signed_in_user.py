"""Who is signed in at SERVER1: of the form in which every receiver reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .claim_texts import is_name, is_text


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """Who is signed in at SERVER1, as the application tells the issuer.

    Args:
        subject: The account's random identifier, never reused, 1 to 255 characters.
        session_id: The session's public reference (``sid``); not the cookie's value. Empty only
            where the hook ``token_user`` tells of a user who is away.
        auth_time: When this person last proved who they are.
        name: Goes into a token only with scope ``profile``.
        email: Goes into a token only with scope ``email``.
        email_verified: Whether the address is known to be theirs.

    Raises:
        TypeError, ValueError: One of them is not of the form in which a receiver reads it. A token
            with it would be signed here and refused there.

    Sources: RFC 7519, section 4.1.2; OpenID Connect Core 1.0, sections 2 and 5.1.
    """

    subject: str
    session_id: str
    auth_time: datetime
    name: str | None = None
    email: str | None = None
    email_verified: bool = False

    def __post_init__(self) -> None:
        if not is_text(self.subject):
            raise ValueError(_not_text("subject", self.subject))
        if self.session_id != "" and not is_text(self.session_id):
            raise ValueError(_not_text("session_id", self.session_id))
        if getattr(self.auth_time, "tzinfo", None) is None:
            raise ValueError("SignedInUser.auth_time must be a datetime with a time zone")
        if self.name and not is_name(self.name):
            raise ValueError(
                "SignedInUser.name must be None, or text of 1 to 255 characters without line"
                " breaks, control characters, and marks that turn the direction of text"
            )
        if self.email and not is_text(self.email):
            raise ValueError(f"{_not_text('email', self.email)}, or None")
        if type(self.email_verified) is not bool:
            raise TypeError("SignedInUser.email_verified must be True or False")


def _not_text(field: str, value: object) -> str:
    # What came is not quoted: an e-mail address in an exception ends in a log.
    came = "" if isinstance(value, str) else f", not of the type {type(value).__name__}"
    # A number would be given to somebody else once more, and says how many there are.
    hint = "; it is a random text that the account keeps, and no row's number"
    return (
        f"SignedInUser.{field} must be printable text of 1 to 255 characters, without a space at"
        f" either end{came}{hint if field == 'subject' else ''}"
    )
