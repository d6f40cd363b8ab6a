"""A group of vectors: each begins as a good token and is changed in one place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .jose import Sign, base64url, compact_json, rs, rsa_jwk
from .seeded_keys import ISSUER, SeededRSAKey

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
ISSUER_URL = "https://issuer.example"
AUDIENCE = "receiver"
NONCE = "the-nonce-that-this-browser-asked-for"
KID = "issuer-key"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
GOOD_KEYS = "the issuer's key"

CODES = {
    "form": "token_malformed",
    "header": "token_malformed",
    "key": "token_key_unknown",
    "signature": "token_signature",
    "payload": "token_malformed",
}

_BY_THE_ISSUER = rs("256", ISSUER)

Part = str | Mapping[str, Any]
Text = str | list[Part]
Octets = Callable[[bytes], bytes]


class _Without:
    """Stands for a member that is left out."""


WITHOUT = _Without()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a token differs from a good one.

    Args:
        header: Members to change, or octets in its place.
        claims: Members to change, or octets in the payload's place.
        rewrite_header: From the good header's octets to those that are signed.
        rewrite_payload: From the good payload's octets to those that are signed.
        sign: Makes the signature.
        rewrite: From the finished token to what is sent, or to its parts.
    """

    header: Mapping[str, Any] | bytes = field(default_factory=dict)
    claims: Mapping[str, Any] | bytes = field(default_factory=dict)
    rewrite_header: Octets = bytes
    rewrite_payload: Octets = bytes
    sign: Sign = _BY_THE_ISSUER
    rewrite: Callable[[str], Text] = str

    def token(self, kind: Kind, identifier: str) -> Text:
        """Write the token; its ``jti`` is made from the vector's identifier."""
        header = self.rewrite_header(_octets(good_header(kind.typ), self.header))
        payload = self.rewrite_payload(_octets(kind.claims(_jwt_id(identifier)), self.claims))
        signed = f"{base64url(header)}.{base64url(payload)}"
        return self.rewrite(f"{signed}.{base64url(self.sign(signed.encode()))}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of token.

    Args:
        format: Of its files: a reader that knows a lower number does not know this kind.
        typ: What its header says.
        bound_to: What its receiver expects beside issuer and audience.
        leeway: Seconds by which the clocks may differ.
        claims: From a ``jti`` to the claims of a good token.
        maximum_lifetime: Seconds from ``iat`` to ``exp``.
    """

    format: int
    typ: str
    bound_to: Mapping[str, str]
    leeway: int
    claims: Callable[[str], dict[str, Any]]
    maximum_lifetime: int = 120


class Group:
    """The vectors of one file.

    Args:
        name: Of the file.
        about: What they have in common, as one sentence.
        kind: Of token.
    """

    def __init__(self, name: str, about: str, kind: Kind | None = None) -> None:
        self.name = name
        self.about = about
        self.kind = HANDOFF if kind is None else kind
        self.vectors: list[dict[str, Any]] = []
        self._key_sets: dict[str, str] = {GOOD_KEYS: jwks(rsa_jwk(ISSUER, KID))}

    def keys(self, name: str, document: str) -> str:
        """Add a key set, as the issuer's endpoint would answer with it, and return its name."""
        self._key_sets[name] = document
        return name

    def accept(self, comment: str, *, keys: str = GOOD_KEYS, now: int = NOW, **recipe: Any) -> None:
        """Add a token that is good."""
        self._add(comment, keys, now, Recipe(**recipe), {"verdict": "accept"})

    def refuse(
        self,
        comment: str,
        *,
        attack: str,
        check: str,
        claim: str | None = None,
        code: str | None = None,
        keys: str = GOOD_KEYS,
        now: int = NOW,
        **recipe: Any,
    ) -> None:
        """Add a token that has to be refused.

        Args:
            comment: What is wrong with it.
            attack: Its number in ``docs/threat-model.md``.
            check: Which of the verifier's checks refuses it.
            claim: Which claim is at fault, if one is.
            code: The error's code, where the check alone does not tell it.
            keys: The name of the key set that the receiver holds.
            now: The receiver's clock, in seconds since 1970.
            recipe: See ``Recipe``.
        """
        verdict = {
            "verdict": "refuse",
            "attack": attack,
            "check": check,
            "code": code or CODES.get(check, "token_claim"),
        }
        if claim is not None:
            verdict["claim"] = claim
        self._add(comment, keys, now, Recipe(**recipe), verdict)

    def document(self) -> dict[str, Any]:
        """Return what is written to the file."""
        used = {vector["keys"] for vector in self.vectors}
        return {
            "format": self.kind.format,
            "about": self.about,
            "receiver": {
                "issuer": ISSUER_URL,
                "audience": AUDIENCE,
                **self.kind.bound_to,
                "algorithm": "RS256",
                "typ": self.kind.typ,
                "leeway": self.kind.leeway,
                "maximum_lifetime": self.kind.maximum_lifetime,
                "maximum_length": 4096,
            },
            "key_sets": {name: text for name, text in self._key_sets.items() if name in used},
            "vectors": self.vectors,
        }

    def _add(
        self, comment: str, keys: str, now: int, recipe: Recipe, verdict: Mapping[str, str]
    ) -> None:
        identifier = f"{self.name}-{_slug(comment)}"
        if any(vector["id"] == identifier for vector in self.vectors):
            raise ValueError(f"two vectors are called {identifier}")
        self.vectors.append(
            {
                "id": identifier,
                "comment": comment,
                **verdict,
                "keys": keys,
                "now": now,
                "token": recipe.token(self.kind, identifier),
            }
        )


def good_header(typ: str = "handoff+jwt") -> dict[str, Any]:
    """Return the header of a good token."""
    return {"alg": "RS256", "kid": KID, "typ": typ}


def good_handoff(jwt_id: str) -> dict[str, Any]:
    """Return the claims of a good handoff token."""
    return {
        "iss": ISSUER_URL,
        "sub": "account-5f3a9c",
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": jwt_id,
        "nonce": NONCE,
        "sid": "session-71be04",
        "auth_time": NOW - 30,
        "scope": "openid profile",
        "name": "Ada",
    }


def good_logout(jwt_id: str) -> dict[str, Any]:
    """Return the claims of a good logout token."""
    return {
        "iss": ISSUER_URL,
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": jwt_id,
        "sid": "session-71be04",
        "sub": "account-5f3a9c",
        "toe": NOW - 1,
        "events": {LOGOUT_EVENT: {}},
    }


def good_access(jwt_id: str) -> dict[str, Any]:
    """Return the claims of a good access token."""
    return {
        "iss": ISSUER_URL,
        "sub": "account-5f3a9c",
        "aud": AUDIENCE,
        "client_id": "reader",
        "iat": NOW,
        "exp": NOW + 600,
        "jti": jwt_id,
        "sid": "session-71be04",
        "scope": "read write",
    }


HANDOFF = Kind(1, "handoff+jwt", {"nonce": NONCE}, 5, good_handoff)
LOGOUT = Kind(2, "logout+jwt", {}, 10, good_logout)
ACCESS = Kind(3, "at+jwt", {}, 5, good_access, maximum_lifetime=600)


def jwks(*keys: Mapping[str, object]) -> str:
    """Write a key set."""
    return compact_json({"keys": keys}).decode()


def by(key: SeededRSAKey) -> Sign:
    """Sign RS256 with another key."""
    return rs("256", key)


def member(text: str) -> Octets:
    """Append a member, as it stands, to a JSON object."""
    return lambda document: document[:-1] + b"," + text.encode("utf-8", "surrogatepass") + b"}"


def first_member(text: str) -> Octets:
    """Put a member, as it stands, at the beginning of a JSON object."""
    return lambda document: b"{" + text.encode() + b"," + document[1:]


def spaces_up_to(length: int) -> Octets:
    """Append spaces to a JSON document until it has this many octets."""
    return lambda document: document.ljust(length)


def _octets(good: dict[str, Any], change: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(change, bytes):
        return change
    changed = {name: value for name, value in {**good, **change}.items() if value is not WITHOUT}
    return compact_json(changed)


def _jwt_id(identifier: str) -> str:
    return base64url(hashlib.sha256(identifier.encode()).digest())


def _slug(comment: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", comment.lower()).strip("-")
