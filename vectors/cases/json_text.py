"""Payloads that two readers read in two ways, or not at all; the issuer signed each."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping

from vectors.book import NOW, Group, Octets, Part, Text, first_member, member


def json_text() -> Group:
    """Return the group."""
    group = Group("json-text", "Headers and payloads that are not one strict JSON object.")
    _repeated(group)
    _encodings(group)
    _numbers(group)
    _depth(group)
    _surrogates(group)
    _other_documents(group)
    return group


def _payloads(group: Group, attack: str, rewrites: Mapping[str, Octets]) -> None:
    for comment, rewrite in rewrites.items():
        group.refuse(comment, attack=attack, check="payload", rewrite_payload=rewrite)


def _headers(group: Group, attack: str, rewrites: Mapping[str, Octets]) -> None:
    for comment, rewrite in rewrites.items():
        group.refuse(comment, attack=attack, check="header", rewrite_header=rewrite)


def _repeated(group: Group) -> None:
    others = {
        "iss": '"https://attacker.example"',
        "sub": '"somebody-else"',
        "aud": '"another-receiver"',
        "exp": str(NOW + 10**9),
        "iat": str(NOW - 10**9),
        "jti": '"another-identifier-of-it"',
        "nonce": '"another-nonce"',
        "scope": '"openid admin"',
        "name": '"Eve"',
    }
    for claim, value in others.items():
        _payloads(
            group,
            "T8",
            {
                f"{claim} twice, the other one first": first_member(f'"{claim}":{value}'),
                f"{claim} twice, the other one last": member(f'"{claim}":{value}'),
            },
        )
    _payloads(
        group,
        "T8",
        {
            "sub twice, both alike": member('"sub":"account-5f3a9c"'),
            "sub twice, once in escapes": member(r'"su\u0062":"somebody-else"'),
            "an unknown claim twice": member('"x":1,"x":1'),
            "a member twice within a claim": member('"x":{"y":1,"y":2}'),
            "a member twice within a list": member('"x":[{"y":1,"y":2}]'),
        },
    )


def _encodings(group: Group) -> None:
    encodings = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    for encoding in encodings:
        rewrite = _recoded(encoding)
        _payloads(group, "T9", {f"the payload in {encoding}": rewrite})
        _headers(group, "T9", {f"the header in {encoding}": rewrite})
    _payloads(group, "T9", {"a byte order mark before the payload": _marked})
    _headers(group, "T9", {"a byte order mark before the header": _marked})
    octets = {
        "a lone octet of continuation": b"\x80",
        "an overlong slash": b"\xc0\xaf",
        "an overlong NUL": b"\xc0\x80",
        "a sequence cut short": b"\xe2\x82",
        "half of a surrogate pair in UTF-8": b"\xed\xa0\x80",
        "a character beyond the last one": b"\xf4\x90\x80\x80",
        "a letter of Latin 1": b"\xe4",
        "an octet that UTF-8 never has": b"\xff",
    }
    for comment, octet in octets.items():
        _payloads(group, "T9", {f"{comment} in a claim": _in_place_of(b"Ada", octet)})
        _headers(group, "T9", {f"{comment} in the header": _in_place_of(b"issuer-key", octet)})


def _numbers(group: Group) -> None:
    numbers = {
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "a number beyond every double": "1e400",
        "a negative number beyond every double": "-1e400",
        "an integer of 21 digits": "1" * 21,
        "an integer of 1,500 digits": "9" * 1500,
    }
    for comment, number in numbers.items():
        for claim in ("x", "exp", "iat", "nbf", "auth_time"):
            where = "an unknown claim" if claim == "x" else claim
            _payloads(group, "T15", {f"{comment} in {where}": _claim(claim, number)})
    _headers(group, "T15", {"NaN in the header": member('"x":NaN')})


def _depth(group: Group) -> None:
    deep = {
        "9 levels of lists": "[" * 8 + "]" * 8,
        "900 levels of lists": "[" * 900 + "]" * 900,
        "9 levels of objects": '{"x":' * 7 + "{}" + "}" * 7,
        "200 levels of objects": '{"x":' * 200 + "1" + "}" * 200,
        "900 brackets that are never closed": "[" * 900,
    }
    _payloads(group, "T13", {name: member(f'"x":{text}') for name, text in deep.items()})
    _headers(
        group,
        "T13",
        {"300 levels in the header": member('"x":' + "[" * 300 + "]" * 300)},
    )
    for levels in (5_000, 100_000):
        group.refuse(
            f"{levels:,} levels of lists, too long a text",
            attack="T13",
            check="form",
            rewrite=_very_deep(levels),
        )


def _surrogates(group: Group) -> None:
    halves = {
        "the first half": r"\ud800",
        "the second half": r"\udfff",
        "the halves in the wrong order": r"\ude00\ud83d",
        "a half at the end of a text": r"text\ud83d",
    }
    for comment, text in halves.items():
        _payloads(
            group,
            "T14",
            {
                f"{comment} of a surrogate pair, in sub": _claim("sub", f'"{text}"'),
                f"{comment} of a surrogate pair, in an unknown claim": member(f'"x":"{text}"'),
                f"{comment} of a surrogate pair, as a name": member(f'"{text}":1'),
            },
        )


def _other_documents(group: Group) -> None:
    documents = {
        "a list": b'["account"]',
        "a text": b'"account"',
        "a number": b"12",
        "null": b"null",
        "true": b"true",
        "an empty list": b"[]",
        "no JSON": b"account",
        "spaces": b"    ",
        "XML": b"<sub>account</sub>",
        "a list around the object": b"[{}]",
    }
    for comment, document in documents.items():
        _payloads(group, "T16", {f"the payload is {comment}": _instead(document)})
        _headers(group, "T16", {f"the header is {comment}": _instead(document)})
    _headers(group, "T16", {"the header is an empty object": _instead(b"{}")})
    _payloads(
        group,
        "T16",
        {
            "a second document behind the payload": lambda good: good + b"{}",
            "a letter behind the payload": lambda good: good + b"x",
            "a NUL behind the payload": lambda good: good + b"\0",
            "a NUL before the payload": lambda good: b"\0" + good,
            "a comma too many": lambda good: good[:-1] + b",}",
            "a comment": lambda good: b"/* */" + good,
            "single quotation marks": lambda good: good.replace(b'"', b"'"),
            "a name without quotation marks": lambda good: good.replace(b'"sub"', b"sub"),
            "a bare line break in a claim": _in_place_of(b"Ada", b"A\na"),
            "a bare NUL in a claim": _in_place_of(b"Ada", b"A\0a"),
            "an unknown escape": _in_place_of(b"Ada", rb"A\xa"),
            "a brace that is missing": lambda good: good[:-1],
            "a number that begins with 0": member('"x":01'),
            "a number that begins with plus": member('"x":+1'),
            "a number in hexadecimal": member('"x":0x1'),
        },
    )


def _recoded(encoding: str) -> Octets:
    return lambda document: document.decode("utf-8").encode(encoding)


def _marked(document: bytes) -> bytes:
    return codecs.BOM_UTF8 + document


def _in_place_of(old: bytes, new: bytes) -> Octets:
    return lambda document: document.replace(old, new)


def _instead(document: bytes) -> Octets:
    return lambda _good: document


def _claim(claim: str, text: str) -> Octets:
    """Write a claim as it stands, in the place of the good one."""

    def rewrite(document: bytes) -> bytes:
        members = document[1:-1].split(b',"')
        kept = [one for one in members if not one.lstrip(b'"').startswith(f'{claim}"'.encode())]
        return b"{" + b',"'.join([*kept, f'{claim}":{text}'.encode()]) + b"}"

    return rewrite


def _very_deep(levels: int) -> Callable[[str], Text]:
    def rewrite(good: str) -> list[Part]:
        header, _payload, signature = good.split(".")
        # "[[[" and "]]]" in base64url, again and again.
        return [
            f"{header}.",
            {"repeat": "W1tb", "times": levels // 3},
            {"repeat": "XV1d", "times": levels // 3},
            f".{signature}",
        ]

    return rewrite
