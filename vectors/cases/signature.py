"""Signatures that are not the named key's over exactly this text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from vectors.book import Group, Text, by
from vectors.jose import always, base64url, good_padding, rs256_with
from vectors.seeded_keys import ISSUER, ISSUER_3072, STRANGER

_SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


def signature() -> Group:
    """Return the group."""
    group = Group("signature", "Signatures that are not the named key's over exactly this text.")
    for comment, key in {"a stranger's key": STRANGER, "a longer key": ISSUER_3072}.items():
        group.refuse(f"signed by {comment}", attack="T17", check="signature", sign=by(key))
    _changed(group)
    _numbers(group)
    _padding(group)
    return group


def _changed(group: Group) -> None:
    texts: dict[str, Callable[[str], Text]] = {
        "the payload changed after signing": _another_subject,
        "the header changed after signing": _another_header,
        "the first bit of the signature changed": _flip(0),
        "the middle of the signature changed": _flip(128),
        "the last bit of the signature changed": _flip(255),
        "the signature of another token": _signature_of_another,
        "the signature backwards": lambda good: _with(good, _octets(good)[::-1]),
    }
    for comment, rewrite in texts.items():
        group.refuse(comment, attack="T17", check="signature", rewrite=rewrite)


def _numbers(group: Group) -> None:
    n = ISSUER.modulus
    numbers = {
        "0": 0,
        "1": 1,
        "the modulus less 1": n - 1,
        "the modulus": n,
        "the modulus and 1": n + 1,
        "the highest number": (1 << 2048) - 1,
    }
    for comment, number in numbers.items():
        octets = number.to_bytes(256, "big")
        group.refuse(
            f"the signature is {comment}", attack="T17", check="signature", sign=always(octets)
        )
    group.refuse(
        "the signature with an octet of zero in front",
        attack="T17",
        check="signature",
        rewrite=lambda good: _with(good, b"\0" + _octets(good)),
    )


def _padding(group: Group) -> None:
    """Messages that a lenient reader of PKCS 1 takes for good (Bleichenbacher, 2006)."""

    def with_end(end: Callable[[bytes], bytes]) -> Callable[[bytes, int], bytes]:
        def message(digest: bytes, length: int) -> bytes:
            tail = b"\0" + end(digest)
            return b"\0\1" + b"\xff" * (length - 2 - len(tail)) + tail

        return message

    def short_with_rubbish(digest: bytes, length: int) -> bytes:
        good = good_padding(digest, 128)
        return good + b"\x5a" * (length - len(good))

    def changed(index: int, value: int) -> Callable[[bytes, int], bytes]:
        def message(digest: bytes, length: int) -> bytes:
            octets = bytearray(good_padding(digest, length))
            octets[index] = value
            return bytes(octets)

        return message

    messages = {
        "the digest without the name of the hash": with_end(bytes),
        "the name of SHA-1 before a SHA-256": with_end(lambda d: _SHA1_DIGEST_INFO + d),
        "a real SHA-1 digest": with_end(lambda d: _SHA1_DIGEST_INFO + hashlib.sha1(d).digest()),  # noqa: S324
        "no parameters behind the name of the hash": with_end(
            lambda d: bytes.fromhex("302f300b0609608648016503040201" + "0420") + d
        ),
        "rubbish behind the digest": short_with_rubbish,
        "the padding of encryption": changed(1, 2),
        "the padding of type 0": changed(1, 0),
        "an octet of the padding changed": changed(40, 0xFE),
        "a zero within the padding": changed(40, 0),
        "the digest changed": changed(-1, 0),
    }
    for comment, message in messages.items():
        group.refuse(
            f"inside the signature: {comment}",
            attack="T17",
            check="signature",
            sign=rs256_with(message, ISSUER),
        )


def _octets(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")


def _with(token: str, octets: bytes) -> str:
    return f"{token.rpartition('.')[0]}.{base64url(octets)}"


def _flip(index: int) -> Callable[[str], Text]:
    def rewrite(good: str) -> str:
        octets = bytearray(_octets(good))
        octets[index] ^= 0x80 if index == 0 else 1
        return _with(good, bytes(octets))

    return rewrite


def _another_subject(good: str) -> str:
    header, payload, signed = good.split(".")
    document = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    forged = document.replace(b"account-5f3a9c", b"account-000000")
    return f"{header}.{base64url(forged)}.{signed}"


def _another_header(good: str) -> str:
    _header, rest = good.split(".", 1)
    reordered = base64url(b'{"kid":"issuer-key","alg":"RS256","typ":"handoff+jwt"}')
    return f"{reordered}.{rest}"


def _signature_of_another(good: str) -> str:
    other = by(ISSUER)(b"another.text")
    return _with(good, other)
