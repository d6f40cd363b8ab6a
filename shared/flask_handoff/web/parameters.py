"""The parameters of a request, read one way only: two readers must not see two requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from flask_handoff.errors import HandoffError
from flask_handoff.profiles import LONGEST_SCOPE, SCOPE
from flask_handoff.redaction import is_one_line

from .current import this_request
from .request_guards import check_body

_SECONDS = re.compile(r"[0-9]{1,20}", re.ASCII)  # all that fits into 64 bits
_GREATEST_AGE = 10**9  # seconds, some 30 years: no sign-in is that old, and every date can bear it
_LONGEST_HINT = 255  # characters

UnverifiedParameters = Mapping[str, Sequence[str]]
"""Every parameter with all the values it was sent with."""


def unverified_parameters() -> dict[str, list[str]]:
    """Return the parameters of the current request, each with all the values it was sent with.

    They stand in the query of a GET, and in the form of a POST, never in both: two readers that
    look in different places would see two requests.

    Raises:
        UnsupportedMediaType: The body is not ``application/x-www-form-urlencoded`` (HTTP 415).
        BadRequest: A POST has a query as well (HTTP 400).
        LengthRequired, RequestEntityTooLarge: See ``check_body``.

    Source: RFC 6749, section 3.1.
    """
    request = this_request()
    if request.method != "POST":
        return request.args.to_dict(flat=False)
    check_body()
    if request.content_length and request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    if request.query_string:
        raise BadRequest
    return request.form.to_dict(flat=False)


def sent_values(name: str) -> list[str]:
    """Return every value that a parameter was sent with, also in a request that is refused."""
    request = this_request()
    values = request.args.getlist(name)
    if request.method == "POST":
        with suppress(HTTPException):
            check_body()
            values += request.form.getlist(name)
    return values


class ParameterReader:
    """Reads the parameters of one request, each at most once: of two values neither is taken.

    Args:
        refusal: Makes the error that each method raises: a parameter is sent twice, or is not of
            its form.

    Source: RFC 6749, section 3.1.
    """

    def __init__(
        self, unverified: UnverifiedParameters, refusal: Callable[[str], HandoffError]
    ) -> None:
        self._unverified = unverified
        self._refusal = refusal

    def text(self, name: str) -> str | None:
        """Return the one value of a parameter; None when it is absent or empty."""
        values = self._unverified.get(name, ())
        if len(values) > 1:
            raise self._refusal(f"{name}: sent twice")
        return values[0] or None if values else None

    def values(self, name: str) -> Sequence[str]:
        """Return all values of a parameter that may be sent more than once."""
        return [value for value in self._unverified.get(name, ()) if value]

    def prompt(self) -> str | None:
        """Return ``none`` or ``login``; None when neither is asked for."""
        prompt = self.text("prompt")
        if prompt not in (None, "none", "login"):
            raise self._refusal("prompt: expected none or login")
        return prompt

    def max_age(self) -> timedelta | None:
        """Return how old the user's authentication may be; None for any age."""
        seconds = self.text("max_age")
        if seconds is None:
            return None
        if _SECONDS.fullmatch(seconds) is None:
            raise self._refusal("max_age: expected a number of seconds")
        return timedelta(seconds=min(int(seconds), _GREATEST_AGE))

    def login_hint(self) -> str | None:
        """Return what the sign-in page may be filled with, not verified.

        One over 255 characters, or not one line, is left out: no sign-in fails for want of a hint.

        Source: OpenID Connect Core 1.0, section 3.1.2.1.
        """
        hint = self.text("login_hint") or ""
        return hint if 0 < len(hint) <= _LONGEST_HINT and is_one_line(hint) else None

    def scope(self) -> frozenset[str] | None:
        """Return the values of a scope, none of one that is absent; None if it is not of its form.

        Where the standard has one space between two values, there may be more, or some around them.

        Source: RFC 6749, section 3.3.
        """
        values = frozenset((self.text("scope") or "").split(" ")) - {""}
        scope = " ".join(values)
        is_of_its_form = len(scope) <= LONGEST_SCOPE and SCOPE.fullmatch(scope)
        return values if is_of_its_form or not values else None
