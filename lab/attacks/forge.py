"""The attacker's tools: take a token apart, change it, and put a signature of one's own on it.

None of them needs more than the standard library and a key. Whether a forgery gets anywhere is up
to the receiver.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_handoff import base64url
from flask_handoff.keys import Signer, VerificationKey


def header_of(token: str) -> dict[str, Any]:
    """Read the header of a token; anybody can."""
    return _read(token.split(".")[0])


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a token; anybody can."""
    return _read(token.split(".")[1])


def signature_of(token: str) -> str:
    """Return the last part of a token."""
    return token.split(".")[2]


def joined(header: Mapping[str, Any], claims: Mapping[str, Any], signature: str = "") -> str:
    """Put a token together, with any signature."""
    return f"{_written(header)}.{_written(claims)}.{signature}"


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Signer) -> str:
    """Sign by RS256, whatever the header says."""
    text = f"{_written(header)}.{_written(claims)}"
    return f"{text}.{base64url.encode(key.sign(text.encode()))}"


def signed_with_secret(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """Sign by HS256."""
    text = f"{_written(header)}.{_written(claims)}"
    return f"{text}.{base64url.encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def pem_of(key: VerificationKey) -> bytes:
    """Write a public key as everybody finds it in files."""
    return key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _written(content: Mapping[str, Any]) -> str:
    return base64url.encode(json.dumps(content, separators=(",", ":")).encode())


def _read(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64url.decode(part))
    return content
