"""Reads the claims of a signed payload: of the right type and form, or not at all.

A good signature says who wrote a claim, not that it is well formed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask_handoff.claim_texts import LONGEST_TEXT, is_name, is_text
from flask_handoff.errors import TokenClaimError
from flask_handoff.profiles import LONGEST_SCOPE, OIDC, SCOPE

LATEST_DATE = 253_402_300_799  # seconds since 1970: the end of the year 9999, datetime's last

_JWT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)


class ClaimReader:
    """Reads the claims of one payload, of a token whose signature is good.

    Every method raises ``TokenClaimError`` when the claim is not of the type or form it asks for.

    Source: RFC 7519, sections 2 and 4.1.
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload

    def text(self, claim: str, *, longest: int = LONGEST_TEXT) -> str | None:
        """Return a claim of printable text, None when it is absent."""
        value = self._payload.get(claim)
        if value is None:
            return None
        if not is_text(value, longest):
            raise not_of_its_form(claim, f"printable text of 1 to {longest} characters")
        return value

    def required_text(self, claim: str) -> str:
        """Return a claim of printable text that must be there."""
        value = self.text(claim)
        if value is None:
            raise missing(claim)
        return value

    def jwt_id(self, *, strict: bool) -> str | None:
        """Return the claim ``jti``, None when it is absent; strictly of the form minted here."""
        value = self.text("jti")
        if value is not None and strict:
            self.require_form("jti", _JWT_ID)
        return value

    def session_id(self) -> str | None:
        """Return the claim ``sid``, None when it is absent."""
        return self.text("sid")

    def scope(self) -> frozenset[str]:
        """Return the values of the claim ``scope``, none when it is absent."""
        value = self.text("scope", longest=LONGEST_SCOPE)
        if value is None:
            return frozenset()
        self.require_form("scope", SCOPE)
        return frozenset(value.split(" "))

    def name(self, claim: str) -> str | None:
        """Return a claim that is only ever shown to people, None when it is absent."""
        value = self._payload.get(claim)
        if value is None:
            return None
        if not is_name(value):
            raise not_of_its_form(claim, f"a name of 1 to {LONGEST_TEXT} characters")
        return value

    def require_form(self, claim: str, form: re.Pattern[str]) -> None:
        """Check that a claim is text of this form."""
        value = self._payload.get(claim)
        if type(value) is not str or form.fullmatch(value) is None:
            raise not_of_its_form(claim, "of its documented form")

    def seconds(self, claim: str) -> float:
        """Return a date that must be there, in whole seconds since 1970."""
        value = self._payload.get(claim)
        # ``True`` is an int to Python, and "1_900_000_000" is a number to ``int()``.
        if type(value) is not int or not 0 < value <= LATEST_DATE:
            raise not_of_its_form(claim, "a whole number of seconds since 1970")
        return value

    def required_date(self, claim: str) -> datetime:
        """Return a date that must be there."""
        return datetime.fromtimestamp(self.seconds(claim), UTC)

    def date(self, claim: str) -> datetime | None:
        """Return a date, None when it is absent."""
        return self.required_date(claim) if claim in self._payload else None

    def truth(self, claim: str) -> bool:
        """Return a truth value, False when it is absent."""
        value = self._payload.get(claim, False)
        if type(value) is not bool:
            raise not_of_its_form(claim, "true or false")
        return value


class FractionalDates(ClaimReader):
    """Reads dates with fractions of a second as well, as some libraries write them."""

    def seconds(self, claim: str) -> float:
        """Return a date that must be there, in seconds since 1970, finite."""
        value = self._payload.get(claim)
        if type(value) is float and 0 < value <= LATEST_DATE:
            return value
        return super().seconds(claim)


class ForeignForms(FractionalDates):
    """Reads what a foreign issuer may write in another form than ours does."""

    def session_id(self) -> str | None:
        """Return the claim ``sid``; of one of more than 255 characters ``sha256:`` and its hash.

        The standard sets no bound, and some issuers write a ciphertext. It is there to be compared.
        """
        session_id = self.text("sid", longest=OIDC.maximum_length)
        if session_id is None or len(session_id) <= LONGEST_TEXT:
            return session_id
        return f"sha256:{hashlib.sha256(session_id.encode()).hexdigest()}"


_T = TypeVar("_T")


class ForeignClaims(ForeignForms):
    """Reads the claims of a foreign issuer, of which some can be left out."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        super().__init__(payload)
        self.left_out: list[str] = []  # by name: what was not of its form

    def if_well_formed(self, claim: str, read: Callable[[str], _T]) -> _T | None:
        """Return what *read* reads of a claim; None, and a note, where it is not of its form."""
        if self._payload.get(claim) is None:
            return None
        try:
            return read(claim)
        except TokenClaimError:
            self.left_out.append(claim)
            return None


def missing(claim: str) -> TokenClaimError:
    """Say that a claim is missing."""
    return TokenClaimError(f'claim "{claim}": missing', claim=claim)


def not_of_its_form(claim: str, expected: str) -> TokenClaimError:
    """Say what a claim was expected to be, without quoting what it is."""
    return TokenClaimError(f'claim "{claim}": expected {expected}', claim=claim)
