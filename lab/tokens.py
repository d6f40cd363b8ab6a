"""The lab's tokens: JWTs that only the lab accepts, signed with a key that lives with its process.

They open nothing. A product takes a library for this; here one sees that a JWT is three texts, and
that whoever checks one asks nobody.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from flask_handoff import base64url
from flask_handoff.claims import Clock, system_clock

LIFE = 600  # seconds
USERS: Mapping[str, str] = {"visitor": "A Visitor", "somebody": "Somebody Else"}
"""The names of the lab's users, by their ids."""


class DeadTokenError(Exception):
    """What was presented was not made here, or is good no longer."""


class TokenMaker:
    """Makes and checks tokens (HS256), with a key made at its start."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def mint(self, user: str = "visitor") -> str:
        """Return a token for one of the lab's users; all of one user are of the same length."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": "the lab",
            "sub": user,
            "aud": "the lab",
            "iat": now,
            "exp": now + LIFE,
            "jti": secrets.token_urlsafe(16),
            "name": USERS[user],
            "email": f"{user}@example.com",
            "scope": "notes:read notes:write",
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def check(self, unverified_token: str) -> Mapping[str, Any]:
        """Check the signature, then the date. No list of tokens is kept, and none is asked.

        Returns:
            The claims.

        Raises:
            DeadTokenError: It was not made here, or has expired.
        """
        signed, _, signature = unverified_token.rpartition(".")
        good = self._signature(signed)
        if not hmac.compare_digest(signature.encode(), good.encode()):
            raise DeadTokenError
        claims: Mapping[str, Any] = json.loads(base64url.decode(signed.rpartition(".")[2]))
        if self._clock().timestamp() >= claims["exp"]:
            raise DeadTokenError
        return claims

    def _signature(self, signed: str) -> str:
        return base64url.encode(hmac.digest(self._key, signed.encode(), "sha256"))


def _part(content: Mapping[str, object]) -> str:
    return base64url.encode(json.dumps(content, separators=(",", ":")).encode())
