"""The issuer's public keys from a file, for a receiver that asks no network."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from flask_handoff.errors import (
    ConfigurationError,
    JWKSMalformedError,
    KeyMaterialError,
    KeyUnusableError,
)
from flask_handoff.redaction import shown
from flask_handoff.strict_json import StrictJSONError, load_strict_json

from .foreign import given_members, parse_foreign_jwks
from .jwks import parse_jwks
from .public_key_file import read_jwk, read_key_file, read_pem
from .source import FixedKeys
from .verification_key import VerificationKey, holds_a_secret

_REMEDY = "Put the issuer's public keys there, as its jwks_uri shows them."


class PinnedKeys(FixedKeys):
    """The issuer's public keys from a file: a ``KeySource`` that needs no network."""

    @classmethod
    def from_file(cls, path: Path, *, foreign: bool = False) -> Self:
        """Read public keys from a file: PEM blocks, a JWK, or a JWK Set.

        The file has at most 64 KiB. A PEM key is named by its RFC 7638 thumbprint, as
        ``flask handoff-keys new`` names it. With *foreign* a JWK Set is read entry by entry, see
        ``parse_foreign_jwks``.

        Raises:
            ConfigurationError: The file cannot be read, holds a private key or no key, or a key
                is weak.

        Source: RFC 7468, section 13 (PEM).
        """
        try:
            return cls(_read_keys(path, foreign=foreign))
        except OSError as error:
            raise _refusal(path, f"cannot be read: {error.strerror}") from None
        except KeyMaterialError as error:
            raise _refusal(path, f"cannot be used: {error}") from error


def _read_keys(path: Path, *, foreign: bool) -> Iterable[VerificationKey]:
    unverified_document = read_key_file(path)
    if unverified_document.lstrip().startswith((b"{", b"[")):
        return _read_json(path, unverified_document, foreign=foreign)
    if b"PRIVATE KEY-----" in unverified_document:
        command = f"openssl pkey -in {shlex.quote(shown(path))} -pubout"
        raise _private_key_pinned(path, f"Put there what this prints: {command}")
    return read_pem(unverified_document)


def _read_json(
    path: Path, unverified_document: bytes, *, foreign: bool
) -> Iterable[VerificationKey]:
    document = _parsed(unverified_document)
    members = document if isinstance(document, dict) else {"keys": document}
    entries = members.get("keys", [members])
    if isinstance(entries, list) and any(
        holds_a_secret(given_members(each) if foreign else each)
        for each in entries
        if isinstance(each, dict)
    ):
        raise _private_key_pinned(path, "Keep only the public members")
    if isinstance(document, list):
        raise KeyUnusableError('it is a list; write it as {"keys": [...]}')
    if "kty" in members:
        return [read_jwk(unverified_document)]
    if any("-----BEGIN " in str(value) for value in members.values()):
        raise KeyUnusableError(
            "it holds PEM texts by kid; take the document that the issuer's jwks_uri shows"
        )
    return (parse_foreign_jwks if foreign else parse_jwks)(unverified_document).values()


def _parsed(unverified_document: bytes) -> object:
    try:
        return load_strict_json(unverified_document)
    except StrictJSONError as error:
        raise JWKSMalformedError(f"it is not strict JSON: {error}") from None


def _private_key_pinned(path: Path, remedy: str) -> ConfigurationError:
    return _refusal(
        path,
        "holds a private key, which only the issuer may have",
        f"{remedy}; and have the issuer replace the key, for it has been seen.",
    )


def _refusal(path: Path, problem: str, remedy: str = _REMEDY) -> ConfigurationError:
    return ConfigurationError(f"The pinned key file {shown(path)} {problem}.", remedy)
