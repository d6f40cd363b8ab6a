"""What each hop of a handoff is, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from flask_service.hops.hop import Hop

SERVER1, SERVER2 = "SERVER1", "SERVER2"

_FIRST_ERROR = 400  # statuses


_WORDS: Mapping[str, tuple[str, str]] = {
    "begun": (
        "SERVER2 sends you to SERVER1",
        "It gives this browser a random value to keep, in a cookie that no script can read, "
        "and sends you to SERVER1 with the value's fingerprint, the nonce.",
    ),
    "unknown": (
        "SERVER1 does not know you yet",
        "It checks what SERVER2 asks for, signs that so that nobody can change it, and redirects "
        "to its sign-in page.",
    ),
    "asked": ("SERVER1 asks for your password", "It is the only page that ever does."),
    "signed in": (
        "You sign in",
        "The password was right. It went to SERVER1 and nowhere else, and was not recorded. "
        "SERVER1 opens a session of its own.",
    ),
    "not let in": (
        "SERVER1 does not let you in",
        "The e-mail address or the password is wrong, or something is missing.",
    ),
    "issued in an address": (
        "SERVER1 signs a token, and sends you back with it",
        "It knows you now, so it writes a token for SERVER2 and signs it. The token is in "
        "the address that your browser is sent to.",
    ),
    "issued in a form": (
        "SERVER1 signs a token, and puts it into a form",
        "It knows you now, so it writes a token for SERVER2 and signs it. The token is in "
        "a form on this page, which sends itself to SERVER2.",
    ),
    "sent once more": (
        "SERVER2 has your browser send the form once more",
        "A form that comes from another site sends no cookie with SameSite=Lax. One from a "
        "page of SERVER2's own does, so this page sends the same fields again.",
    ),
    "accepted": (
        "SERVER2 checks the token, spends it, and opens a session",
        "From here on the token is worthless. What stays is a cookie with a random number: "
        "the id of a session that SERVER2 keeps.",
    ),
    "refused": (
        "SERVER2 refuses the token",
        "Nobody is signed in by it. The page does not say which check refused; the log does.",
    ),
    "repeated": (
        "SERVER2 knows this browser, and sends it on",
        "The session of this browser came from this very token, so the callback is only "
        "repeated: by Back, or by a second click. Nothing is spent, and nobody is signed in "
        "again.",
    ),
    "led on": ("The server redirects", "It answers with a redirect, which the browser follows."),
    "error": ("The server refuses", "Its page says so, and its log says why."),
    "page": ("You are in", "An ordinary page, of the session that was opened here."),
}


def words(hop: Hop) -> tuple[str, str]:
    """Return a title and a sentence or two."""
    return _WORDS[_at_server1(hop) if hop.server == SERVER1 else _at_server2(hop)]


def _at_server1(hop: Hop) -> str:
    if hop.verdict == "issued":
        return "issued in an address" if hop.location else "issued in a form"
    if hop.path == "/login" and hop.method == "GET" and not hop.location:
        return "asked"
    if hop.path == "/login" and hop.method == "POST":
        return "signed in" if hop.location else "not let in"
    if hop.path == "/authorize" and hop.location == "/login":
        return "unknown"
    return _in_general(hop)


def _at_server2(hop: Hop) -> str:
    if hop.path == "/sso/login" and hop.location:
        return "begun"
    if hop.verdict:
        return "accepted" if hop.verdict == "accepted" else "refused"
    if hop.path == "/sso/callback" and hop.method == "POST" and hop.status < _FIRST_ERROR:
        return "sent once more"
    return "repeated" if hop.checks and hop.location else _in_general(hop)


def _in_general(hop: Hop) -> str:
    if hop.status >= _FIRST_ERROR:
        return "error"
    return "led on" if hop.location else "page"
