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

from benchmarks.starts import ROUNDS, in_fresh_processes, side_by_side
from benchmarks.verdict import Row
from flask_handoff import HANDOFF, KeyRing, MemoryReplayStore, TokenMinter, TokenVerifier
from flask_handoff.claims import SignedInUser, UnverifiedToken
from flask_handoff.keys import new_key

ISSUER, CLIENT_ID, NONCE = "http://localhost:5001", "server2", "n" * 43
NUMBERS = frozenset({8})
SIGNATURES, VERIFICATIONS = 200, 500


def measure(starts: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        new_key(keys)
        minted = in_fresh_processes(mint, keys, starts)
        verified = in_fresh_processes(verify, keys, starts)
    yield Row(8, "mint a token", "RSA signature", "us", minted, must=1.10)
    yield Row(8, "verify a token, every check", "RSA verification", "us", verified, must=3.3)


def mint(keys: Path) -> tuple[float, float]:
    """Return the microseconds of minting a token, and of a bare signature."""
    ring = KeyRing.open(keys)
    private_key = ring.signing_key.private_key
    octets = _token(ring).rpartition(".")[0].encode()

    def sign() -> None:
        private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    return side_by_side(lambda: _token(ring), sign, calls=SIGNATURES)


def verify(keys: Path) -> tuple[float, float]:
    """Return the microseconds of verifying a token, and of a bare verification."""
    ring = KeyRing.open(keys)
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

    return side_by_side(verify_with_every_check, verify_signature, calls=VERIFICATIONS)


def bare_microseconds() -> tuple[float, float]:
    """Return what one bare signature and one bare verification take."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        new_key(keys)
        return mint(keys)[1], verify(keys)[1]


def _token(ring: KeyRing) -> str:
    minter = TokenMinter(issuer=ISSUER, key_ring=ring)
    return minter.mint(
        HANDOFF,
        SignedInUser("s" * 22, "i" * 22, datetime.now(UTC), "Ada", "ada@example.com", True),
        audience=CLIENT_ID,
        nonce=NONCE,
        scope=frozenset({"openid", "profile", "email", "notes:read", "notes:write"}),
    )
