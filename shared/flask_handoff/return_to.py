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
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?",
    re.ASCII,
)
_UNSAFE_DECODED = re.compile(r"[\x00-\x1f\x7f\\]|//")


def check_return_to(unverified_target: str) -> str:
    """Return *unverified_target* if it is a plain path of this site, a query allowed.

    Args:
        unverified_target: As it came, at most 512 characters.

    Raises:
        UnsafeReturnToError: It could lead to another origin, to another path than it shows, or
            into a header.

    Sources: RFC 3986, section 3.3; RFC 9700, section 4.11.
    """
    if len(unverified_target) > LONGEST_TARGET:
        raise UnsafeReturnToError(f"longer than {LONGEST_TARGET} characters")
    form = _TARGET.fullmatch(unverified_target)
    if form is None:
        raise UnsafeReturnToError("not a path of this site")
    _check_path(form["path"])
    return unverified_target


def target_path(unverified_target: str, *, base_url: str, excluded: tuple[str, ...]) -> str:
    """Return the path of *unverified_target*, which may stand behind this site's base URL.

    Args:
        unverified_target: A path, or the base URL and a path.
        base_url: Scheme, host and port of this site.
        excluded: Paths that are no place to land, nor is anything below them.

    Raises:
        UnsafeReturnToError: Not a path of this site, or an excluded one.

    Source: OpenID Connect Core 1.0, section 4.
    """
    if unverified_target == base_url:
        return check_return_to("/")
    if unverified_target.startswith(f"{base_url}/"):
        unverified_target = unverified_target.removeprefix(base_url)
    target = check_return_to(unverified_target)
    path = unquote(target.partition("?")[0])
    if any(path == one or path.startswith(f"{one}/") for one in excluded):
        raise UnsafeReturnToError("not a place to land")
    return target


def _check_path(path: str) -> None:
    # Proxies decode a path before they route it: what it then becomes must be as safe.
    decoded = unquote(path)
    if _UNSAFE_DECODED.search(decoded) or "%2f" in path.lower():
        raise UnsafeReturnToError("a path that may be read as another one")
    if any(segment in {".", ".."} for segment in decoded.split("/")):
        raise UnsafeReturnToError("a path with dot segments")
