"""Is this a safe place to go back to?"""

from __future__ import annotations

import re
from urllib.parse import unquote

from .errors import UnsafeReturnToError

LONGEST_TARGET = 512  # characters

# One leading slash, then what RFC 3986 allows in a path and a query, and nothing else: no
# backslash, no control character, nothing that a browser or Werkzeug would rewrite.
_TARGET = re.compile(
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)"
    r"(?:\?(?P<query>(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*))?"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DOT_SEGMENTS = frozenset({".", ".."})


def check_return_to(unverified_target: str) -> str:
    """Return *unverified_target* if it is a plain path of this site, with or without a query.

    The path must also be a plain one after percent-decoding, once or again and again: a proxy may
    decode it before it is routed.

    Args:
        unverified_target: As it came, at most 512 characters.

    Raises:
        UnsafeReturnToError: It could lead to another origin, to another path than it shows, or
            into a header.

    Sources: RFC 3986, sections 2.1, 3.3 and 5.2.4; RFC 9700, section 2.1.
    """
    path, query = _split(unverified_target)
    decoded = _decode(path)
    if decoded.count("/") > path.count("/") or "\\" in decoded or "//" in decoded:
        raise UnsafeReturnToError("expected a path; what came may be read as another one")
    if not _DOT_SEGMENTS.isdisjoint(decoded.split("/")):
        raise UnsafeReturnToError("expected a path without dot segments")
    if _CONTROLS.search(decoded) or _CONTROLS.search(_decode(query)):
        raise UnsafeReturnToError("expected a target without control characters")
    return unverified_target


def target_path(unverified_target: str, *, base_url: str, excluded: tuple[str, ...]) -> str:
    """Return the path and query of *unverified_target*, which may begin with this site's base URL.

    Args:
        base_url: Scheme, host and port of this site, without a slash at the end.
        excluded: Paths that are no place to land, nor is anything below them; ``/sso``.

    Raises:
        UnsafeReturnToError: Not a path of this site, or an excluded one.

    Source: OpenID Connect Core 1.0, section 4.
    """
    if unverified_target == base_url:
        return "/"
    if type(unverified_target) is str:
        # Behind it could stand ".evil.example" or "@evil": the rest must be a path by itself.
        unverified_target = unverified_target.removeprefix(base_url)
    target = check_return_to(unverified_target)
    path = _decode(_split(target)[0])
    if any(path == one or path.startswith(f"{one}/") for one in excluded):
        raise UnsafeReturnToError("expected a place to land on")
    return target


def _split(unverified_target: str) -> tuple[str, str]:
    # A subclass of str may answer for itself, whatever text it holds.
    if type(unverified_target) is not str or len(unverified_target) > LONGEST_TARGET:
        raise UnsafeReturnToError(f"expected a text of at most {LONGEST_TARGET} characters")
    form = _TARGET.fullmatch(unverified_target)
    if form is None:
        raise UnsafeReturnToError("expected a path of this site")
    return form["path"], form["query"] or ""


def _decode(text: str) -> str:
    try:
        while (decoded := unquote(text, errors="strict")) != text:
            text = decoded
    except UnicodeDecodeError:
        # Not UTF-8: lenient readers take an overlong "%C0%AE" for a dot.
        raise UnsafeReturnToError("expected percent-encoded UTF-8") from None
    return decoded
