"""Cookies of the places: put, read, measured and ended."""

from __future__ import annotations

from flask import Request
from werkzeug.wrappers import Response

from .catalogue import PLACES, Place
from .notebooks import Run


def put(response: Response, run: Run) -> None:
    """Give the browser the cookie of this run's place, if it has one, and take away all others."""
    for place in PLACES.values():
        if place is run.place:
            _set(response, place, run.credential)
        else:
            _set(response, place, "", max_age=0)


def end(response: Response, place: Place) -> None:
    """Take the cookie away. That of a session is replaced: it says that nobody is signed in."""
    if place.server_keeps:
        _set(response, place, "nobody")
    else:
        _set(response, place, "", max_age=0)


def presented(request: Request, place: Place) -> str:
    """Return what a request presents: the place's cookie, or the token that a script has added."""
    if place.cookie:
        return request.cookies.get(place.cookie.name, "")
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def size(request: Request, place: Place) -> int:
    """Return how many bytes of a request are the place's cookie, its name included."""
    cookie = place.cookie
    if cookie is None or cookie.name not in request.cookies:
        return 0
    return len(f"{cookie.name}={request.cookies[cookie.name]}")


def _set(response: Response, place: Place, value: str, max_age: int | None = None) -> None:
    if cookie := place.cookie:
        response.set_cookie(
            cookie.name,
            value,
            max_age=max_age,
            secure=cookie.secure,
            httponly=cookie.http_only,
            samesite=cookie.samesite,
            path="/",
        )
