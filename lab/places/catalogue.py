"""The places in a browser where people keep a token, and what is put there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cookie:
    """The cookie of a place."""

    name: str
    samesite: str
    http_only: bool = True
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One place."""

    name: str
    title: str
    description: str
    cookie: Cookie | None = None  # None: the page's own script keeps the token
    server_keeps: bool = False  # the cookie holds the id of a session, and the server the rest


PLACES = {
    place.name: place
    for place in (
        Place(
            "local-storage",
            "localStorage",
            "A store of the site, on disk, for every tab, until a script empties it. "
            "Most tutorials put the token here.",
        ),
        Place(
            "session-storage",
            "sessionStorage",
            "The same, but for one tab, and until that tab is closed.",
        ),
        Place(
            "variable",
            "A variable",
            "In the memory of the page, where no other script knows its name.",
        ),
        Place(
            "readable-cookie",
            "A readable cookie",
            "A cookie without HttpOnly: document.cookie shows it to every script of the page.",
            Cookie("lab_readable", "Lax", http_only=False),
        ),
        Place(
            "none-cookie",
            "HttpOnly, SameSite=None",
            "No script sees it, and requests from other sites send it. It has to be Secure, "
            "and plain http keeps it on this machine only: Chromium and Firefox do, Safari does "
            "not.",
            Cookie("lab_none", "None", secure=True),
        ),
        Place(
            "lax-cookie",
            "HttpOnly, SameSite=Lax",
            "No script sees it; of other sites' requests, only links send it.",
            Cookie("lab_lax", "Lax"),
        ),
        Place(
            "strict-cookie",
            "HttpOnly, SameSite=Strict",
            "No script sees it, and nothing that begins on another site sends it.",
            Cookie("lab_strict", "Strict"),
        ),
        Place(
            "host-cookie",
            "HttpOnly, __Host-",
            "As with Lax, and no other host can plant it: the prefix asks for Secure, Path=/ and "
            "no Domain. Plain http keeps it on this machine only, and not in Safari.",
            Cookie("__Host-lab_token", "Lax", secure=True),
        ),
        Place(
            "session",
            "A server-side session",
            "The server keeps what the token said, and the token is thrown away. An HttpOnly "
            "cookie with SameSite=Lax holds a random id.",
            Cookie("lab_session", "Lax"),
            server_keeps=True,
        ),
    )
}
"""Every place by its name, in the order of the pages."""
