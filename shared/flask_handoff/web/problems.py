"""Errors for programs: problem details in JSON, in place of a page."""

from __future__ import annotations

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from .request_guards import request_id
from .responses import json_response


def problem_details(status: int, detail: str, **members: object) -> Response:
    """Return an error that a program reads: ``application/problem+json``.

    Its members are ``title`` (the name of the status), ``status``, ``detail``, ``request_id``, and
    those given.

    Args:
        status: The HTTP status.
        detail: What is wrong with this request; it repeats nothing of it.

    Source: RFC 9457, sections 3 and 4.2.1.
    """
    title = HTTP_STATUS_CODES.get(status, "Unknown")
    response = json_response(
        {
            "title": title,
            "status": status,
            "detail": detail,
            "request_id": request_id(),
            **members,
        },
        status,
    )
    response.mimetype = "application/problem+json"
    return response
