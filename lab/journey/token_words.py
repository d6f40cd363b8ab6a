"""A token in plain words. It is read to be shown, and nothing rests on what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask_handoff import base64url

_LATEST = 253_402_300_799  # the last second of the year 9999
_DATES = ("iat", "nbf", "exp", "auth_time")

_WORDS = {
    "alg": "How it is signed: RSA and SHA-256. SERVER1 signs with a private key that nobody "
    "else has; SERVER2 checks with the public one.",
    "kid": "Which of SERVER1's keys has signed it.",
    "typ": "What kind of token it is. No other kind is accepted for a handoff.",
    "iss": "Who signed it.",
    "aud": "Who it is for: this client of SERVER1, and nobody else.",
    "sub": "Who you are: a name that stays when your e-mail address changes.",
    "jti": "The token's own number. SERVER2 records it, and so accepts the token once.",
    "iat": "When it was made.",
    "nbf": "When it becomes valid.",
    "exp": "When it expires.",
    "nonce": "The fingerprint of a random value in a cookie of the browser that began. In any "
    "other browser the token is worthless.",
    "sid": "Your session at SERVER1: when it ends, so does everything that came from it.",
    "auth_time": "When you proved to SERVER1 who you are.",
    "scope": "What SERVER2 may know and do.",
    "name": "Your name.",
    "email": "Your e-mail address.",
    "email_verified": "Whether you have confirmed that address.",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a token says: its name, its value as people read it, and what it is "
    "for."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a token says of itself."""

    header: tuple[Statement, ...]
    claims: tuple[Statement, ...]
    issued_at: datetime | None
    expires_at: datetime | None
    user: str  # name or address; empty where it says neither


def read(unverified_token: str) -> Reading:
    """Read a token as far as it can be read."""
    header, claims = (_part(part) for part in [*unverified_token.split("."), "", ""][:2])
    user = next((claims[name] for name in ("name", "email") if claims.get(name)), "")
    return Reading(
        header=_statements(header),
        claims=_statements(claims),
        issued_at=_date(claims.get("iat")),
        expires_at=_date(claims.get("exp")),
        user=user if isinstance(user, str) else "",
    )


def _part(unverified_part: str) -> Mapping[str, Any]:
    try:
        content = json.loads(base64url.decode(unverified_part))
    except (ValueError, RecursionError):
        return {}
    return content if type(content) is dict else {}


def _statements(content: Mapping[str, Any]) -> tuple[Statement, ...]:
    return tuple(
        Statement(name, _shown(name, value), _WORDS.get(name, ""))
        for name, value in content.items()
    )


def _shown(name: str, value: Any) -> str:
    if name in _DATES and (instant := _date(value)):
        return f"{value} = {instant:%H:%M:%S} UTC"
    return value if isinstance(value, str) else json.dumps(value)


def _date(value: Any) -> datetime | None:
    if type(value) is not int or not 0 <= value <= _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)
