"""Texts that are no compact JWS, or a second spelling of one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from vectors.book import KID, Group, Part, Text, by, jwks, spaces_up_to
from vectors.jose import always, base64url, rs, rsa_jwk
from vectors.seeded_keys import ISSUER, ISSUER_4096

_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def form() -> Group:
    """Return the group."""
    group = Group("form", "Texts that are no compact JWS, or a second spelling of a good one.")
    _segments(group)
    _padding(group)
    _foreign_characters(group)
    _other_serializations(group)
    _large(group)
    return group


def _refuse(group: Group, attack: str, texts: Mapping[str, Callable[[str], Text]]) -> None:
    for comment, rewrite in texts.items():
        group.refuse(comment, attack=attack, check="form", rewrite=rewrite)


def _segments(group: Group) -> None:
    texts = {"nothing": "", "a dot": ".", "two dots": "..", "three dots": "...", "a word": "token"}
    for comment, text in texts.items():
        _refuse(group, "T16", {comment: _instead(text)})
    _refuse(
        group,
        "T16",
        {
            "no signature and no dot before it": lambda good: good.rpartition(".")[0],
            "no signature": lambda good: good.rpartition(".")[0] + ".",
            "no header": lambda good: "." + good.partition(".")[2],
            "no payload, as if it were detached": _without_payload,
            "a dot in front": lambda good: "." + good,
            "a dot behind": lambda good: good + ".",
            "two tokens, one behind the other": lambda good: good + good,
            "two tokens with a comma between them": lambda good: f"{good},{good}",
            "Bearer in front": lambda good: "Bearer " + good,
            "the signature cut in half": lambda good: good[:-171],
            "the signature one character shorter": lambda good: good[:-1],
        },
    )


def _padding(group: Group) -> None:
    for index, segment in enumerate(("header", "payload", "signature")):
        for equals in ("=", "==", "===", "===="):
            _refuse(
                group,
                "T10",
                {f"{len(equals)} equals signs behind the {segment}": _behind(index, equals)},
            )
    _refuse(
        group,
        "T10",
        {
            "the signature padded as it ought to be, percent-encoded": _behind(2, "%3D%3D"),
            "every segment padded as it ought to be": _padded,
        },
    )
    for segment, rewrite in {"header": _spare_bits(0), "payload": _spare_bits(1)}.items():
        group.refuse(
            f"other last bits in the {segment}, signed like that by the issuer",
            attack="T10",
            check="signature",
            code="token_malformed",
            rewrite=rewrite,
        )
    # Of the last character of a signature, four bits carry nothing.
    group.refuse(
        "other last bits in the signature",
        attack="T10",
        check="signature",
        code="token_malformed",
        rewrite=_other_last_bits,
    )
    group.refuse(
        "the highest last bits in the signature",
        attack="T10",
        check="signature",
        code="token_malformed",
        rewrite=lambda good: good[:-1] + "_",
    )


def _foreign_characters(group: Group) -> None:
    places: dict[str, Callable[[str, str], str]] = {
        "in front": lambda good, text: text + good,
        "behind": lambda good, text: good + text,
        "in the payload": lambda good, text: good[:200] + text + good[201:],
        "in the signature": lambda good, text: good[:-9] + text + good[-8:],
    }
    characters = {
        "a space": " ",
        "a tab": "\t",
        "a line break": "\n",
        "a carriage return and a line break": "\r\n",
        "a NUL": "\0",
        "a no-break space": "\u00a0",
        "a zero-width space": "\u200b",
        "a byte order mark": "\ufeff",
        "a Cyrillic letter": "\u0410",
        "a full-width letter": "\uff21",
        "a combining mark": "\u0301",
        "a plus sign": "+",
        "a slash": "/",
        "a quotation mark": '"',
        "a percent sign": "%",
    }
    for name, text in characters.items():
        for place, put in places.items():
            _refuse(group, "T10", {f"{name} {place}": _put(put, text)})
    for place, make in {
        "in front of it": lambda good: [{"utf16": "d800"}, good],
        "behind it": lambda good: [good, {"utf16": "dfff"}],
    }.items():
        _refuse(group, "T14", {f"half of a surrogate pair {place}": make})
    _refuse(group, "T10", {"the other base64 alphabet throughout": _standard_alphabet})


def _other_serializations(group: Group) -> None:
    _refuse(
        group,
        "T11",
        {
            "flattened JSON serialization": _flattened,
            "general JSON serialization": _general,
            "a JSON document that is a compact token as well": _polyglot,
            "four segments": lambda good: good + ".AAAA",
            "five segments, like a JWE": _five_segments,
            "a JWE header": _jwe,
        },
    )


def _large(group: Group) -> None:
    texts: dict[str, Callable[[str], Text]] = {
        "a header of a million characters": lambda good: [
            _times("A", 1_000_000),
            "." + good.partition(".")[2],
        ],
        "a payload of 10 million characters": lambda good: [
            good.split(".")[0] + ".",
            _times("A", 10_000_000),
            "." + good.split(".")[2],
        ],
        "a signature of a million characters": lambda good: [
            good.rpartition(".")[0] + ".",
            _times("A", 1_000_000),
        ],
        "three segments of 100,000 characters": lambda good: [
            _times("A", 100_000),
            ".",
            _times("A", 100_000),
            ".",
            _times("A", 100_000),
        ],
        "a million dots": lambda good: [_times(".", 1_000_000)],
        "a million dots behind a good token": lambda good: [good, _times(".", 1_000_000)],
        "a million equals signs behind a good token": lambda good: [good, _times("=", 1_000_000)],
        "a million line breaks behind a good token": lambda good: [good, _times("\n", 1_000_000)],
        "a hundred thousand brackets": lambda good: [_times("[", 100_000)],
    }
    _refuse(group, "T12", texts)
    keys = group.keys("a key of 4096 bits", jwks(rsa_jwk(ISSUER_4096, KID)))
    group.refuse(
        "signed, 4,097 characters long",
        attack="T12",
        check="form",
        keys=keys,
        sign=by(ISSUER_4096),
        rewrite_header=spaces_up_to(255),
        rewrite_payload=spaces_up_to(2304),
    )
    group.refuse(
        "signed, with a claim of 10,000 characters",
        attack="T12",
        check="form",
        claims={"x": "x" * 10_000},
    )
    _refuse(group, "T7", {"a kid of 120,000 characters": _long_kid})
    group.refuse("a signature of 4,104 bits", attack="K2", check="form", sign=always(b"\x5a" * 513))


def _times(text: str, number: int) -> Part:
    return {"repeat": text, "times": number}


def _instead(text: str) -> Callable[[str], Text]:
    return lambda _good: text


def _put(put: Callable[[str, str], str], text: str) -> Callable[[str], Text]:
    return lambda good: put(good, text)


def _behind(index: int, text: str) -> Callable[[str], Text]:
    def rewrite(good: str) -> str:
        segments = good.split(".")
        segments[index] += text
        return ".".join(segments)

    return rewrite


def _long_kid(good: str) -> list[Part]:
    before, after = '{"alg":"RS256","kid":"kkkk', '","typ":"handoff+jwt"}'
    letters: Part = {"repeat": base64url(b"kkk"), "times": 40_000}
    rest = good.partition(".")[2]
    return [
        base64url(before.encode().ljust(27, b"k")),
        letters,
        f"{base64url(after.encode())}.{rest}",
    ]


def _padded(good: str) -> str:
    return ".".join(part + "=" * (-len(part) % 4) for part in good.split("."))


def _other_last_bits(good: str) -> str:
    last = _BASE64URL.index(good[-1])
    return good[:-1] + _BASE64URL[last ^ 1]


def _spare_bits(index: int) -> Callable[[str], Text]:
    def rewrite(good: str) -> str:
        segments = good.split(".")[:2]
        document = base64.urlsafe_b64decode(segments[index] + "=" * (-len(segments[index]) % 4))
        # With one octet over, the last character has four bits to spare.
        segments[index] = base64url(document + b" " * ((1 - len(document)) % 3))
        segments[index] = _other_last_bits(segments[index])
        signed = ".".join(segments)
        return f"{signed}.{base64url(rs('256', ISSUER)(signed.encode()))}"

    return rewrite


def _without_payload(good: str) -> str:
    header, _payload, signature = good.split(".")
    return f"{header}..{signature}"


def _standard_alphabet(good: str) -> str:
    return good.replace("-", "+").replace("_", "/")


def _flattened(good: str) -> str:
    header, payload, signature = good.split(".")
    return json.dumps({"protected": header, "payload": payload, "signature": signature})


def _general(good: str) -> str:
    header, payload, signature = good.split(".")
    signatures = [{"protected": header, "signature": signature}]
    return json.dumps({"payload": payload, "signatures": signatures})


def _polyglot(good: str) -> str:
    # One reader takes the members, another takes what stands between the dots (CVE-2022-39227).
    header, payload, signature = good.split(".")
    forged = base64url(b'{"sub":"somebody-else"}')
    return f'{{"{header}.{forged}.":"","protected":"{header}","payload":"{payload}","signature":"{signature}"}}'  # noqa: E501


def _five_segments(good: str) -> str:
    header, payload, signature = good.split(".")
    return f"{header}.{payload}.AAAAAAAAAAAAAAAA.{signature}.AAAAAAAAAAAAAAAAAAAAAA"


def _jwe(_good: str) -> str:
    header = base64url(b'{"alg":"RSA-OAEP","enc":"A128GCM","typ":"handoff+jwt"}')
    return f"{header}.{'A' * 342}.{'A' * 16}.{'A' * 60}.{'A' * 22}"
