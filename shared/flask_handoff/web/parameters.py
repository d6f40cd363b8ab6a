"""The parameters of a request, read one way only: two readers must not see two requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from flask import request
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from flask_handoff.errors import HandoffError

from .request_guards import check_body

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
    values = request.args.getlist(name)
    if request.method == "POST":
        with suppress(HTTPException):
            check_body()
            values += request.form.getlist(name)
    return values


def single(
    unverified: UnverifiedParameters, name: str, refusal: Callable[[str], HandoffError]
) -> str | None:
    """Return the one value of a parameter; None when it is absent or empty.

    Args:
        unverified: All parameters of the request.
        name: The parameter.
        refusal: Makes the error for a parameter that is sent twice.

    Raises:
        HandoffError: That error. Of two values neither is taken.

    Source: RFC 6749, section 3.1.
    """
    values = unverified.get(name, ())
    if len(values) > 1:
        raise refusal(f"{name}: sent twice")
    return values[0] or None if values else None
