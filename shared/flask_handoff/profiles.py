"""The rules of each kind of token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

UNBOUNDED = timedelta(days=3_660_000)
"""Longer than any two dates of a token can lie apart: they end with the year 9999."""


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The rules of one kind of token. Another kind is refused, whatever key signed it.

    The kinds are those of this module. A service with a clock of its own, say, hands its verifier
    ``dataclasses.replace(HANDOFF, leeway=timedelta(seconds=10))``.

    Args:
        name: Of the kind, in messages.
        typ: The header's, when minted.
        accepted_types: The header's that are accepted, in lower case and without
            ``application/``; None among them accepts that ``typ`` is absent.
        header_parameters: All that are allowed; ``alg`` is required. Of a foreign issuer's, all
            others are ignored.
        lifetime: From ``iat`` to ``exp`` when minted.
        maximum_lifetime: The longest from ``iat`` to ``exp`` that is accepted.
        leeway: How far the two clocks may differ.
        required_claims: In the order in which they are looked for.
        strict_jwt_id: Whether ``jti`` has to be of the form in which it is minted here.
        requires_kid: Whether a token names its key; else, without a ``kid``, there has to be one
            key only.
        foreign: Whether it is read as the standards allow others to write.
        maximum_length: Characters; a handoff by a key of 2,048 bits is about 950.
        maximum_age: Since ``iat``, however long it lives.
        backdating: How far back its issuer dates ``iat``, on purpose.
        ignores_openid_scopes: Whether a ``scope`` of OpenID Connect's own values alone says
            nothing of the service.

    Sources: RFC 8725, sections 3.11 and 3.12; RFC 7515, section 4.1.9.
    """

    name: str
    typ: str
    accepted_types: frozenset[str | None]
    header_parameters: frozenset[str]
    lifetime: timedelta
    maximum_lifetime: timedelta
    leeway: timedelta
    required_claims: tuple[str, ...]
    strict_jwt_id: bool
    requires_kid: bool = True
    foreign: bool = False
    maximum_length: int = 4096
    maximum_age: timedelta = UNBOUNDED
    backdating: timedelta = timedelta(0)
    ignores_openid_scopes: bool = False

    @property
    def accepted_for(self) -> timedelta:
        """How long after ``iat`` it may be accepted, leeway aside."""
        return min(self.maximum_lifetime, self.maximum_age + self.backdating)


_ID_TOKEN_CLAIMS = ("iss", "aud", "sub", "exp", "iat", "nonce")

HANDOFF = TokenProfile(
    name="handoff token",
    typ="handoff+jwt",
    accepted_types=frozenset({"handoff+jwt"}),
    header_parameters=frozenset({"alg", "kid", "typ"}),
    lifetime=timedelta(seconds=60),
    maximum_lifetime=timedelta(seconds=120),
    leeway=timedelta(seconds=5),
    required_claims=(*_ID_TOKEN_CLAIMS, "jti", "sid", "auth_time", "scope"),
    strict_jwt_id=True,
)
"""What SERVER1 mints for its own receivers: an ID Token that lives 60 seconds."""

OIDC = replace(
    HANDOFF,
    name="OpenID Connect ID Token",
    typ="JWT",
    accepted_types=frozenset({"jwt", None}),
    maximum_lifetime=UNBOUNDED,
    required_claims=_ID_TOKEN_CLAIMS,
    strict_jwt_id=False,
    requires_kid=False,
    foreign=True,
    maximum_length=12 * 1024,
    maximum_age=timedelta(minutes=10),  # no sign-in that was begun here takes longer
)
"""What other software is sent, and what is accepted of a foreign OpenID Provider."""

ID_TOKEN_HINT = replace(
    HANDOFF,
    name="ID Token hint",
    accepted_types=frozenset({HANDOFF.typ, OIDC.typ.lower()}),  # all that are minted here
    required_claims=("iss", "aud", "sub", "sid"),
)

ACCESS = replace(
    HANDOFF,
    name="access token",
    typ="at+jwt",
    accepted_types=frozenset({"at+jwt"}),
    lifetime=timedelta(minutes=10),
    maximum_lifetime=timedelta(minutes=10),
    required_claims=("iss", "aud", "sub", "client_id", "exp", "iat", "jti"),
)
"""What lets a program act at a service (RFC 9068)."""

LOGOUT = replace(
    HANDOFF,
    name="logout token",
    typ="logout+jwt",
    accepted_types=frozenset({"logout+jwt"}),
    lifetime=timedelta(seconds=120),
    leeway=timedelta(seconds=10),
    required_claims=("iss", "aud", "exp", "iat", "jti", "events"),
)
"""What tells a receiver which sessions have ended."""

OIDC_LOGOUT = replace(
    LOGOUT,
    name="OpenID Connect logout token",
    accepted_types=frozenset({"logout+jwt", "jwt", None}),
    maximum_lifetime=timedelta(days=1),  # idpyoidc mints such
    strict_jwt_id=False,
    requires_kid=False,
    foreign=True,
    maximum_length=OIDC.maximum_length,
)
"""The same, as a foreign OpenID Provider sends it."""

REVOCATION = replace(
    LOGOUT,
    name="revocation notice",
    typ="secevent+jwt",
    accepted_types=frozenset({"secevent+jwt"}),
)
"""What tells a service which access tokens are dead (a Security Event Token, RFC 8417)."""

CLIENT_ASSERTION = replace(
    HANDOFF,
    name="client assertion",
    typ="client-authentication+jwt",
    accepted_types=frozenset({"client-authentication+jwt", "jwt", None}),
    header_parameters=HANDOFF.header_parameters | {"x5t", "x5t#S256"},
    maximum_lifetime=timedelta(minutes=5),  # from now on: there may be no ``iat``
    leeway=timedelta(seconds=10),
    required_claims=("iss", "sub", "aud", "exp", "jti"),
    strict_jwt_id=False,
    requires_kid=False,
)

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
"""The member of ``events`` that makes a logout token one; a name, never opened.

Source: OpenID Connect Back-Channel Logout 1.0, section 2.4.
"""

TOKEN_REVOKED = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked"  # noqa: S105 - a name
"""The member of ``events`` where one access token is revoked; names, never opened, like the next.

Source: OpenID OAuth Event Types 1.0, draft 01, section 2.
"""

TOKENS_REVOKED = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked"
"""The same for all tokens of a user or a client, or for all of the issuer."""

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
"""The same for all tokens of one session.

Source: OpenID Continuous Access Evaluation Profile 1.0, section 3.1.
"""

CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)

STATE = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
"""The form of ``state`` under policy ``handoff``; it becomes part of a cookie's name."""

NONCE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
LONGEST_SCOPE = 1024  # characters

SCOPE_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)
"""One value of a scope. Source: RFC 6749, section 3.3."""

OPENID_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""The scopes that are OpenID Connect's own, and so no service's (Core 1.0, sections 5.4 and 11)."""

RESPONSE_TYPES = frozenset({"id_token", "code"})
RESPONSE_MODES = frozenset({"query", "form_post"})
"""How SERVER1's answer may travel. ``query`` puts what it holds into a URL."""

PROFILES: Mapping[str, TokenProfile] = {"handoff": HANDOFF, "oidc": OIDC}
LOGOUT_PROFILES: Mapping[str, TokenProfile] = {"handoff": LOGOUT, "oidc": OIDC_LOGOUT}
