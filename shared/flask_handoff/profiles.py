"""The rules of each kind of token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The rules of one kind of token. Another kind is refused, whoever signed it.

    Args:
        name: What the kind is called in messages.
        typ: The header's ``typ`` when minted.
        accepted_types: The values of ``typ`` that are accepted, lower case, without
            ``application/``; ``None`` among them accepts its absence.
        header_parameters: All that a header may hold; ``alg`` and ``kid`` are always required.
        lifetime: From ``iat`` to ``exp`` when minted.
        maximum_lifetime: The longest from ``iat`` to ``exp`` that is accepted.
        leeway: How far the two clocks may differ.
        required_claims: Beside ``iss aud sub exp iat nonce``, which are always required.

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


HANDOFF = TokenProfile(
    name="handoff token",
    typ="handoff+jwt",
    accepted_types=frozenset({"handoff+jwt"}),
    header_parameters=frozenset({"alg", "kid", "typ"}),
    lifetime=timedelta(seconds=60),
    maximum_lifetime=timedelta(seconds=120),
    leeway=timedelta(seconds=5),
    required_claims=("jti", "sid", "auth_time", "scope"),
)

OIDC = TokenProfile(
    name="OpenID Connect ID Token",
    typ="JWT",
    accepted_types=frozenset({"jwt", None}),
    header_parameters=frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"}),
    lifetime=timedelta(seconds=60),
    maximum_lifetime=timedelta(hours=1),
    leeway=timedelta(seconds=5),
    required_claims=(),
)

PROFILES: Mapping[str, TokenProfile] = {"handoff": HANDOFF, "oidc": OIDC}
