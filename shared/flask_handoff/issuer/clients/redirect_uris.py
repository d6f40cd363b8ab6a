"""Redirect URIs: which may be registered, and which of a request is the one that was."""

from __future__ import annotations

import re
from collections.abc import Collection

from flask_handoff.addresses import is_plain_address, source_of
from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import shown
from flask_handoff.setting_reader import LONGEST_URL, check_public_url

# What an app may have for an address; ``re`` compiles both where there is one.
# A dot makes it a name of somebody's: no scheme that browsers know, such as javascript:, has one.
_SEGMENT = r"[A-Za-z0-9._~!$&'()*+,;=:%-]+"
_PRIVATE_USE = rf"(?P<scheme>[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+):/(?:/?{_SEGMENT}(?:/{_SEGMENT})*)?/?"
_LOOPBACK = r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[1-9][0-9]{0,4})?(/.*)?"


def check_redirect_uri(uri: str, *, native: bool, setting: str) -> None:
    """Check that an answer may be sent to this address.

    Args:
        native: A scheme of the application's own is allowed, such as ``com.example.app:/callback``.
        setting: Names, in the error, what it was given for.

    Raises:
        ConfigurationError: It may not.

    Sources: RFC 6749, section 3.1.2; RFC 8252, sections 7.1 and 8.4.
    """
    if native and not uri.lower().startswith(("http:", "https:")):
        if len(uri) > LONGEST_URL or re.fullmatch(_PRIVATE_USE, uri) is None:
            raise ConfigurationError(
                f"{setting}: {shown(uri)} may not be used.",
                "A scheme of an application's own is a reversed domain name, such as "
                "com.example.app:/callback.",
            )
        return
    if re.fullmatch(_PRIVATE_USE, uri):
        raise ConfigurationError(
            f"{setting}: {shown(uri)} may not be used.",
            "Only a native client may have a scheme of its own; use https://… for this one.",
        )
    check_public_url(uri, setting=setting)


def is_registered(unverified_uri: str, registered: Collection[str], *, native: bool) -> bool:
    """Tell whether the address of a request is one of those that are registered.

    They are compared character by character. Only the port of a native application's loopback
    address is chosen by the system, anew each time.

    Sources: RFC 9700, section 2.1; RFC 8252, section 7.3.
    """
    if unverified_uri in registered:
        return True
    # What is longer no store of codes keeps; a port that there is none of, nobody can redirect to.
    if not native or len(unverified_uri) > LONGEST_URL or not is_plain_address(unverified_uri):
        return False
    unverified_form = re.fullmatch(_LOOPBACK, unverified_uri)
    return unverified_form is not None and any(
        form.groups() == unverified_form.groups()
        for uri in registered
        if (form := re.fullmatch(_LOOPBACK, uri)) is not None
    )


def form_action_source(uri: str, *, native: bool) -> str:
    """Return the source that lets a form end at this address, for a Content-Security-Policy.

    Source: Content Security Policy Level 3, section 2.3.1.
    """
    if native and (private := re.fullmatch(_PRIVATE_USE, uri)):
        return f"{private['scheme']}:"
    source = source_of(uri)
    if native and source.startswith("http://") and (loopback := re.fullmatch(_LOOPBACK, uri)):
        return f"{loopback[1]}:*"
    return source
