"""What kind of token somebody holds, by what it says of itself: for people, never for a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_handoff.profiles import (
    ACCESS,
    CLIENT_ASSERTION,
    HANDOFF,
    LOGOUT,
    LOGOUT_EVENT,
    OIDC,
    OIDC_LOGOUT,
    REVOCATION,
    TokenProfile,
)

from .verification import plain_type

_OF_THEIR_OWN_TYPE = (HANDOFF, ACCESS, LOGOUT, REVOCATION, CLIENT_ASSERTION)
_BY_TYPE = {profile.typ: profile.name for profile in _OF_THEIR_OWN_TYPE}


def kind_of(
    header: Mapping[str, Any], payload: Mapping[str, Any], expected: TokenProfile
) -> str | None:
    """Return the name of a token's kind, as ``TokenProfile.name`` says it; None for no known one.

    A type of its own decides; where several policies know it, it is what is expected. Of those that
    share ``JWT``, or name no type, the claims tell.

    Sources: OpenID Connect Core 1.0, section 2; OpenID Connect Back-Channel Logout 1.0,
    section 2.4; RFC 7523, section 3; RFC 9068, section 2.
    """
    typ = plain_type(header)
    if typ not in OIDC.accepted_types:
        return expected.name if typ in expected.accepted_types else _BY_TYPE.get(typ or "")
    events = payload.get("events")
    if isinstance(events, dict) and LOGOUT_EVENT in events:
        return OIDC_LOGOUT.name
    if "nonce" in payload:
        return OIDC.name
    if "iss" in payload and payload["iss"] == payload.get("sub"):
        return CLIENT_ASSERTION.name
    if "client_id" in payload:
        return ACCESS.name
    return OIDC.name if {"iss", "aud", "sub"} <= payload.keys() else None
