"""Is this a safe place to go back to?"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from .errors import UnsafeReturnToError

LONGEST_TARGET = 2048  # octets, as encoded

# One leading slash, then what RFC 3986 allows in a path and a query, and nothing else: no
# backslash, no control character, nothing that a browser or Werkzeug would rewrite.
_TARGET = re.compile(
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What no URL holds, though browsers send some of it and Flask decodes all of it.
_RAW = re.compile(r"""[^\x21-\x7e]|["<>\\^`{|}\[\]]|%(?![0-9A-Fa-f]{2})""")
# Octets that are no UTF-8, as Python keeps them, and which a lenient reader takes for "." or "/".
_OVERLONG = re.compile(
    "[\udcc0\udcc1]|\udce0[\udc80-\udc9f]|\udcf0[\udc80-\udc8f]"
    "|\udcf8[\udc80-\udc87]|\udcfc[\udc80-\udc83]"
)
_DOT_SEGMENTS = frozenset({".", ".."})
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]+)?(?=/|\Z)",
    re.ASCII | re.IGNORECASE,
)
_OWN_PORT = {"http": ":80", "https": ":443"}  # of the scheme, which need not be named


def check_return_to(unverified_target: str) -> str:
    """Return *unverified_target* if it is a plain path of this site, with or without a query.

    The path must also be a plain one after percent-decoding, once or again and again: a proxy may
    decode it before it is routed. In the query everything may be encoded.

    Args:
        unverified_target: As it came, at most 2,048 characters.

    Raises:
        UnsafeReturnToError: It could lead to another origin, to another path than it shows, or
            into a header.

    Sources: RFC 3986, sections 2.1, 3.3 and 5.2.4; RFC 9700, section 2.1.
    """
    path = _path(unverified_target)
    decoded = _decode(path)
    if decoded.count("/") > path.count("/") or "\\" in decoded or "//" in decoded:
        raise UnsafeReturnToError("expected a path; what came may be read as another one")
    if not _DOT_SEGMENTS.isdisjoint(decoded.split("/")):
        raise UnsafeReturnToError("expected a path without dot segments")
    if _CONTROLS.search(decoded):
        raise UnsafeReturnToError("expected a path without control characters")
    if _OVERLONG.search(decoded):
        raise UnsafeReturnToError("expected a path without overlong octets")
    return unverified_target


def target_path(unverified_target: str, *, base_url: str, excluded: tuple[str, ...]) -> str:
    """Return the path and query of *unverified_target*, which may begin with this site's base URL.

    The path of a base URL that has one stays in front of what stood behind it.
    What browsers and Flask hand over raw is percent-encoded before it is checked: brackets, braces,
    letters that are not ASCII. A fragment is left out. Scheme and host may be in capitals, and the
    scheme's own port may be named.

    Args:
        base_url: Of this site, without a slash at the end.
        excluded: Paths that are no place to land, nor is anything below them; ``/sso``.

    Raises:
        UnsafeReturnToError: Not a path of this site, or an excluded one.

    Sources: OpenID Connect Core 1.0, section 4; RFC 3986, sections 2.1, 6.2.2.1 and 6.2.3;
    RFC 3987, section 3.1.
    """
    if type(unverified_target) is str:
        if unverified_target[:1] != "/":
            unverified_target = _without_origin(unverified_target, base_url)
        unverified_target = _encode(unverified_target)
    target = check_return_to(unverified_target)
    path = _decode(_path(target))
    if any(path == one or path.startswith(f"{one}/") for one in excluded):
        raise UnsafeReturnToError("expected a place to land on")
    return target


def _without_origin(unverified_target: str, base_url: str) -> str:
    """Return the path and query of a page below the base URL, or all of another text."""
    base, target = _normalized(base_url), _normalized(unverified_target)
    if target == base:
        target += "/"
    if not target.startswith(f"{base}/"):  # but ".evil.example" or "@evil", say
        return target
    return target[len(base) - len(urlsplit(base).path) :]


def _normalized(url: str) -> str:
    origin = _ORIGIN.match(url)
    if origin is None:
        return url
    scheme, port = origin["scheme"].lower(), origin["port"] or ""
    shown_port = "" if port == _OWN_PORT[scheme] else port
    return f"{scheme}://{origin['host'].lower()}{shown_port}{url[origin.end() :]}"


def _encode(unverified_target: str) -> str:
    if len(unverified_target) > LONGEST_TARGET:
        raise _too_long()
    try:
        return _RAW.sub(
            lambda raw: quote(raw[0], safe="", errors="surrogateescape"),
            unverified_target.partition("#")[0],
        )
    except UnicodeEncodeError:
        raise UnsafeReturnToError("expected text that can be encoded") from None


def _path(unverified_target: str) -> str:
    # A subclass of str may answer for itself, whatever text it holds.
    if type(unverified_target) is not str or len(unverified_target) > LONGEST_TARGET:
        raise _too_long()
    form = _TARGET.fullmatch(unverified_target)
    if form is None:
        raise UnsafeReturnToError("expected a path of this site")
    return form["path"]


def _too_long() -> UnsafeReturnToError:
    return UnsafeReturnToError(f"expected a text of at most {LONGEST_TARGET} octets, as encoded")


def _decode(text: str) -> str:
    while (decoded := unquote(text, errors="surrogateescape")) != text:
        text = decoded
    return decoded
