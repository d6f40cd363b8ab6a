"""A JWK Set from outside: read as a whole, used entry by entry."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from flask_handoff.errors import JWKSMalformedError, KeyUnusableError
from flask_handoff.strict_json import StrictJSONError, load_strict_json

from .verification_key import VerificationKey, holds_a_secret, is_meant_for_rs256

MAXIMUM_JWKS_KEYS = 16  # entries; a set in the middle of a rotation has 3
JWKS_MAX_AGE = timedelta(seconds=300)  # how long a receiver may use a set without a question

_logger = logging.getLogger("flask_handoff")


def parse_jwks(unverified_document: bytes) -> dict[str, VerificationKey]:
    """Read a JWK Set, whose length the caller bounds, and keep what can verify RS256.

    Keys of another kind or purpose are left aside. An entry with private or symmetric material is
    dropped with an error in the log, a weak or misspelt one with a warning.

    Returns:
        The usable keys by ``kid``, at least one.

    Raises:
        JWKSMalformedError: Not strict JSON, not a JWK Set, over 16 entries, two keys of one
            ``kid``, or no usable key.

    Source: RFC 7517, sections 4.5, 5 and 5.1.
    """
    candidates = [
        jwk
        for jwk in jwks_entries(unverified_document)
        if holds_a_secret(jwk) or is_meant_for_rs256(jwk)
    ]
    # Which of two keys of one name is meant cannot be known: the set contradicts itself.
    kids = [kid for jwk in candidates if isinstance(kid := jwk.get("kid"), str)]
    if len(set(kids)) != len(kids):
        raise JWKSMalformedError("two keys of the JWK Set have one kid")
    keys = [key for jwk in candidates if (key := _usable_key(jwk)) is not None]
    if not keys:
        raise JWKSMalformedError("the JWK Set holds no usable RS256 key", holds_no_key=True)
    return {key.kid: key for key in keys}


def jwks_entries(unverified_document: bytes) -> list[dict[str, object]]:
    """Read the entries of a JWK Set, whatever they are.

    Raises:
        JWKSMalformedError: Not strict JSON, not a JWK Set, or over 16 entries.
    """
    entries = key_list(unverified_document)
    objects = [entry for entry in entries if isinstance(entry, dict)]
    if len(objects) != len(entries):
        raise JWKSMalformedError("expected a JSON object with a list of keys")
    if len(objects) > MAXIMUM_JWKS_KEYS:
        raise JWKSMalformedError(f"the JWK Set has more than {MAXIMUM_JWKS_KEYS} entries")
    return objects


def key_list(unverified_document: bytes) -> list[object]:
    """Read the list of a JWK Set, whatever is in it.

    Raises:
        JWKSMalformedError: Not strict JSON, or not a JWK Set.
    """
    try:
        document = load_strict_json(unverified_document)
    except StrictJSONError as error:
        raise JWKSMalformedError(f"the JWK Set is not strict JSON: {error}") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise JWKSMalformedError("expected a JSON object with a list of keys")
    return entries


def _usable_key(unverified_jwk: Mapping[str, object]) -> VerificationKey | None:
    try:
        return VerificationKey.from_jwk(unverified_jwk)
    except KeyUnusableError as error:
        level = logging.ERROR if holds_a_secret(unverified_jwk) else logging.WARNING
        _logger.log(level, "a key of the issuer's JWK Set is not used: %s", error)
        return None
