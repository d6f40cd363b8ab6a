"""The cookies of a request, as they were sent: what a lenient reader takes for one may be two."""

from __future__ import annotations

from flask import Request


def sent_cookies(request: Request) -> list[tuple[str, str]]:
    """Return name and value of each cookie of a request, unverified.

    A name may have blanks around it, which lenient readers leave out.

    Source: RFC 6265, section 4.2.1.
    """
    pairs = [pair.partition("=") for pair in request.environ.get("HTTP_COOKIE", "").split(";")]
    return [(name.removeprefix(" "), value) for name, _, value in pairs]


def cookie_sent_once(request: Request, name: str) -> str:
    """Return the unverified value of a cookie of a request.

    A neighbour host can plant a second cookie of the name, or one with a space behind the name,
    which Werkzeug takes for ours: then neither counts.

    Raises:
        LookupError: The browser sent none of it, or more than one, or only one under a like name.
    """
    if name not in request.environ.get("HTTP_COOKIE", ""):
        raise LookupError("0 cookies of this name")
    found = [cookie for cookie in sent_cookies(request) if cookie[0].strip() == name]
    if len(found) != 1 or found[0][0] != name:
        raise LookupError(f"{len(found)} cookies of this name")
    return found[0][1]
