"""The key set of a foreign issuer: what cannot be used is skipped, and the other keys serve."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

from flask_handoff.errors import JWKSMalformedError, KeyUnusableError
from flask_handoff.redaction import as_log_field

from .jwks import MAXIMUM_JWKS_KEYS, key_list
from .key_forms import BYTE_ORDER_MARK
from .verification_key import VerificationKey, holds_a_secret, is_meant_for_rs256

LONGEST_KID = 255  # characters

_logger = logging.getLogger("flask_handoff")


class ForeignKey(VerificationKey):
    """A key whose issuer names it as it likes: the name is looked up, and nothing else.

    Args:
        kid: Any text of 1 to 255 characters, without NUL, which PostgreSQL keeps nowhere. Escape it
            before it is shown.

    Sources: RFC 7517, section 4.5; RFC 7515, section 4.1.4.
    """

    __slots__ = ()

    def _check_name(self) -> None:
        if not 1 <= len(self.kid) <= LONGEST_KID or "\0" in self.kid:
            raise KeyUnusableError(f"the kid is not a text of 1 to {LONGEST_KID} characters")

    @classmethod
    def read(cls, unverified_jwk: Mapping[str, object]) -> Self:
        """Read one entry of a JWK Set. One without ``kid`` is named by its RFC 7638 thumbprint.

        Raises:
            KeyUnusableError: See ``VerificationKey.from_jwk``.
        """
        if "kid" in unverified_jwk:
            return cls.from_jwk(unverified_jwk)
        return cls.from_public_key(cls.from_jwk({**unverified_jwk, "kid": "-"}).public_key)


class _Skipped(NamedTuple):
    """One entry that is not used."""

    reason: str
    unverified_kid: object = None
    level: int = logging.WARNING


def parse_foreign_jwks(unverified_document: bytes) -> dict[str, VerificationKey]:
    """Read a JWK Set, whose length the caller bounds, entry by entry.

    Keys of another kind or purpose are left aside. What is weak, misspelt, private or no key, what
    comes after 16 keys, and different keys of one ``kid`` are skipped, with a log line each for
    the first 16.

    Returns:
        The usable keys by ``kid``, at least one.

    Raises:
        JWKSMalformedError: Not strict JSON, not a JWK Set, or no usable key.

    Source: RFC 7517, section 5.
    """
    keys: dict[str, VerificationKey] = {}
    skipped: list[_Skipped] = []
    contradictory = set()
    entries = key_list(unverified_document.removeprefix(BYTE_ORDER_MARK))  # RFC 8259, section 8.1
    for key in _usable(entries, skipped):
        # Which of two keys of one name is meant cannot be known.
        if keys.setdefault(key.kid, key) != key:
            contradictory.add(key.kid)
    for kid in sorted(contradictory):
        del keys[kid]
        skipped.append(_Skipped("another one has its kid", kid))
    _log(skipped)
    if not keys:
        others = f", but {', '.join(kinds)}" if (kinds := _kinds(entries)) else ""
        raise JWKSMalformedError(
            f"the JWK Set holds no usable RS256 key{others}", holds_no_key=True
        )
    return keys


def _usable(unverified_entries: list[object], skipped: list[_Skipped]) -> Iterator[ForeignKey]:
    left = MAXIMUM_JWKS_KEYS
    for entry in unverified_entries:
        if not isinstance(entry, dict):
            skipped.append(_Skipped("it is no JSON object"))
        elif holds_a_secret(given := given_members(entry)):
            reason = "the JWK holds private or symmetric key material"
            # Somebody has to replace it.
            skipped.append(_Skipped(reason, entry.get("kid"), logging.ERROR))
        elif is_meant_for_rs256(given):
            left -= 1
            try:
                if left < 0:
                    raise KeyUnusableError(f"{MAXIMUM_JWKS_KEYS} come before it")
                yield ForeignKey.read(given)
            except KeyUnusableError as error:
                skipped.append(_Skipped(str(error), entry.get("kid")))


def _kinds(unverified_entries: list[object]) -> list[str]:
    """Say for the log what keys there are, such as ``EC/ES256/sig``, at most three kinds."""
    kinds = {
        "/".join(str(entry[name]) for name in ("kty", "alg", "use") if entry.get(name))
        for entry in unverified_entries
        if isinstance(entry, dict)
    }
    return [as_log_field(kind) for kind in sorted(kinds - {""})[:3]]


def given_members(unverified_jwk: Mapping[str, object]) -> Mapping[str, object]:
    """Leave out members that are null or an empty list: some write all that there are."""
    return {name: each for name, each in unverified_jwk.items() if each is not None and each != []}


def _log(skipped: list[_Skipped]) -> None:
    for reason, unverified_kid, level in skipped[:MAXIMUM_JWKS_KEYS]:
        kid = as_log_field(unverified_kid) if isinstance(unverified_kid, str) else ""
        _logger.log(
            level, "a key of the issuer's JWK Set is not used: kid=%s reason=%s", kid or "-", reason
        )
    if more := len(skipped[MAXIMUM_JWKS_KEYS:]):
        _logger.warning("more keys of the issuer's JWK Set are not used: number=%s", more)
