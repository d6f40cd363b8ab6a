"""Public keys in files: PEM blocks, or JWKs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.errors import KeyUnusableError
from flask_handoff.strict_json import StrictJSONError, load_strict_json

from .key_forms import BYTE_ORDER_MARK, what_came
from .verification_key import VerificationKey

MAXIMUM_FILE_BYTES = 64 * 1024

_PUBLIC_KEYS = (b"PUBLIC KEY", b"RSA PUBLIC KEY")
_PEM_BLOCK = rb"(?s)-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----"


def read_public_key(path: Path) -> VerificationKey:
    """Read a client's own public key: a PEM block of the kind ``PUBLIC KEY``, or a JWK.

    The file has at most 64 KiB. A key without a ``kid`` is named by its RFC 7638 thumbprint.

    Raises:
        KeyUnusableError: It holds a private key, no key or several, or the key is weak.
        OSError: It cannot be read.

    Sources: RFC 7468, section 13; RFC 7517, section 4.
    """
    unverified_document = read_key_file(path)
    if unverified_document.lstrip().startswith(b"{"):
        return read_jwk(unverified_document)
    keys = read_pem(unverified_document)
    if len(keys) != 1:
        raise KeyUnusableError(f"the file holds {len(keys)} keys, expected one")
    return keys[0]


def read_key_file(path: Path) -> bytes:
    """Read a file of at most 64 KiB.

    Raises:
        KeyUnusableError: It is longer.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        unverified_document = file.read(MAXIMUM_FILE_BYTES + 1)
    if len(unverified_document) > MAXIMUM_FILE_BYTES:
        raise KeyUnusableError(f"the file is longer than {MAXIMUM_FILE_BYTES} bytes")
    return unverified_document.removeprefix(BYTE_ORDER_MARK)


def read_pem(unverified_document: bytes) -> Sequence[VerificationKey]:
    """Read PEM blocks of the kind ``PUBLIC KEY``, or ``RSA PUBLIC KEY`` (PKCS#1), at least one.

    Raises:
        KeyUnusableError: There is none, or a block of another kind, or a key is weak.
    """
    blocks = list(re.finditer(_PEM_BLOCK, unverified_document))
    others = [block[0] for block in blocks if block[1] not in _PUBLIC_KEYS]
    if others or not blocks:
        came = what_came(others[0] if others else unverified_document, private=False)
        raise KeyUnusableError(f"expected PEM blocks of the kind PUBLIC KEY, or JSON: {came}")
    return [VerificationKey.from_public_key(_public_key(block[0])) for block in blocks]


def read_jwk(unverified_document: bytes) -> VerificationKey:
    """Read one JWK.

    Raises:
        KeyUnusableError: It is none, holds a private key, or is weak.
    """
    try:
        jwk = load_strict_json(unverified_document)
    except StrictJSONError as error:
        raise KeyUnusableError(f"the JWK is not strict JSON: {error}") from None
    if not isinstance(jwk, dict) or "keys" in jwk:
        raise KeyUnusableError("expected one JWK, and no set of them")
    if "kid" in jwk:
        return VerificationKey.from_jwk(jwk)
    unnamed = VerificationKey.from_jwk({**jwk, "kid": "unnamed"})
    return VerificationKey.from_public_key(unnamed.public_key)


def _public_key(pem: bytes) -> rsa.RSAPublicKey:
    try:
        public_key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        came = what_came(pem, private=False)
        raise KeyUnusableError(f"a PEM block is not a public key: {came}") from None
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise KeyUnusableError("a PEM block is a public key of another kind than RSA")
    return public_key
