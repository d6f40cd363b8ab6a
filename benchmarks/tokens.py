"""Mint and verify, against the bare RSA operation with the same key on the same octets."""

from __future__ import annotations

import base64
import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from benchmarks.table import Row, side_by_side
from flask_handoff import (
    HANDOFF,
    KeyRing,
    MemoryReplayStore,
    SignedInUser,
    TokenMinter,
    TokenVerifier,
    UnverifiedToken,
)
from flask_handoff.keys import new_key

ISSUER, CLIENT_ID, NONCE = "http://localhost:5001", "server2", "n" * 43
MINT_BOUND, VERIFY_BOUND = 1.10, 4.5
VERIFICATIONS, ROUNDS = 500, 9


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        new_key(keys)
        ring = KeyRing.open(keys)
    yield _mint(ring)
    yield _verify(ring)


def _mint(ring: KeyRing) -> Row:
    private_key = ring.signing_key.private_key
    octets = _token(ring).rpartition(".")[0].encode()

    def sign() -> None:
        private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    ours, raw = side_by_side(lambda: _token(ring), sign, calls=200, rounds=ROUNDS)
    return Row("mint a token", "RSA signature", ours, raw, MINT_BOUND)


def _verify(ring: KeyRing) -> Row:
    public_key = ring.signing_key.private_key.public_key()
    tokens = [UnverifiedToken(_token(ring)) for _ in range(VERIFICATIONS * ROUNDS)]
    signed, _, signature = tokens[0].rpartition(".")
    octets, raw_signature = signed.encode(), base64.urlsafe_b64decode(signature + "==")
    verifier = TokenVerifier(
        issuer=ISSUER, audience=CLIENT_ID, keys=ring, replay_store=MemoryReplayStore()
    )
    unused = itertools.chain(tokens)

    def verify_with_every_check() -> None:
        verifier.verify(next(unused), nonce=NONCE)

    def verify_signature() -> None:
        public_key.verify(raw_signature, octets, padding.PKCS1v15(), hashes.SHA256())

    ours, raw = side_by_side(
        verify_with_every_check, verify_signature, calls=VERIFICATIONS, rounds=ROUNDS
    )
    return Row("verify a token, every check", "RSA verification", ours, raw, VERIFY_BOUND)


def _token(ring: KeyRing) -> str:
    minter = TokenMinter(issuer=ISSUER, key_ring=ring)
    return minter.mint(
        HANDOFF,
        SignedInUser("s" * 22, "i" * 22, datetime.now(UTC), "Ada", "ada@example.com", True),
        audience=CLIENT_ID,
        nonce=NONCE,
        scope=frozenset({"openid", "profile", "email", "notes:read", "notes:write"}),
    )
