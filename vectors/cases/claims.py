"""Claims of the wrong value, type or form; the issuer signed each."""

from __future__ import annotations

from typing import Any

from vectors.book import AUDIENCE, ISSUER_URL, NONCE, NOW, WITHOUT, Group

_NOT_A_TEXT: dict[str, Any] = {
    "is a number": 1,
    "is true": True,
    "is an object": {"x": 1},
    "is a list": ["x"],
    "is an empty list": [],
}
_NEVER_IN_A_TEXT = {
    "with a NUL": "a\0b",
    "with a line break": "a\nb",
    "with a carriage return": "a\rb",
    "with a tab": "a\tb",
    "with an escape sequence of terminals": "a\x1b[31mb",
    "with a DEL": "a\x7fb",
    "with a C1 control": "a\x85b",
    "with a line separator": "a\u2028b",
    "that turns the direction of the line": "a\u202eb",
}
_NEVER_IN_AN_IDENTIFIER = {
    **_NEVER_IN_A_TEXT,
    "with a zero-width space": "a\u200bb",
    "with a space in front": " ab",
    "with a space behind": "ab ",
    "that is a space": " ",
}


def claims() -> Group:
    """Return the group."""
    group = Group("claims", "Claims of the wrong value, type or form, under a good signature.")
    _required(group)
    _issuer(group)
    _audience(group)
    _subject(group)
    _jwt_id(group)
    _nonce(group)
    _session(group)
    _scope(group)
    _person(group)
    _other_kinds(group)
    return group


def _required(group: Group) -> None:
    attacks = {"iss": "C1", "aud": "C2", "sub": "C11", "exp": "C4", "iat": "C7", "jti": "C13"}
    for claim in (*attacks, "nonce", "sid", "auth_time", "scope"):
        for how, value in {"missing": WITHOUT, "null": None}.items():
            group.refuse(
                f"{claim} is {how}",
                attack=attacks.get(claim, "R7" if claim == "nonce" else "C17"),
                check="required_claims",
                claim=claim,
                claims={claim: value},
            )
    group.refuse("no claim at all", attack="C1", check="required_claims", claim="iss", claims=b"{}")


def _issuer(group: Group) -> None:
    values: dict[str, Any] = {
        "is another one": "https://attacker.example",
        "has a slash behind": ISSUER_URL + "/",
        "is cut short": ISSUER_URL[:-1],
        "is longer": ISSUER_URL + ".attacker.example",
        "is in capitals": ISSUER_URL.upper(),
        "has a capital in its host": "https://Issuer.example",
        "has http for https": "http://issuer.example",
        "names the port that goes without saying": ISSUER_URL + ":443",
        "has a user name": "https://issuer.example@attacker.example",
        "has a letter of another script": "https://\u0456ssuer.example",
        "has a space behind": ISSUER_URL + " ",
        "has a line break behind": ISSUER_URL + "\n",
        "has a NUL behind": ISSUER_URL + "\0",
        "is empty": "",
        "is a list of the right one": [ISSUER_URL],
        "is a list with the right one": ["https://attacker.example", ISSUER_URL],
        "is an object with the right one": {ISSUER_URL: True},
        "is a number": 1,
        "is true": True,
    }
    for comment, value in values.items():
        group.refuse(
            f"iss {comment}", attack="C1", check="issuer", claim="iss", claims={"iss": value}
        )


def _audience(group: Group) -> None:
    values: dict[str, tuple[str, Any]] = {
        "is another receiver": ("C2", "another-receiver"),
        "has a slash behind": ("C2", AUDIENCE + "/"),
        "is cut short": ("C2", AUDIENCE[:-1]),
        "is longer": ("C2", AUDIENCE + "2"),
        "is in capitals": ("C2", AUDIENCE.upper()),
        "has a space behind": ("C2", AUDIENCE + " "),
        "has a NUL behind": ("C2", AUDIENCE + "\0"),
        "is a text that names two": ("C2", f"{AUDIENCE} another-receiver"),
        "is empty": ("C2", ""),
        "is a number": ("C2", 1),
        "is true": ("C2", True),
        "is an object": ("C2", {AUDIENCE: True}),
        "is an empty list": ("C3", []),
        "is a list of this receiver": ("C3", [AUDIENCE]),
        "is a list of this receiver and another": ("C3", [AUDIENCE, "another-receiver"]),
        "is a list of another and this receiver": ("C3", ["another-receiver", AUDIENCE]),
        "is a list of this receiver twice": ("C3", [AUDIENCE, AUDIENCE]),
        "is a list of a list": ("C3", [[AUDIENCE]]),
        "is a list with null": ("C3", [None, AUDIENCE]),
        "is a star": ("C2", "*"),
    }
    for comment, (attack, value) in values.items():
        group.refuse(
            f"aud {comment}", attack=attack, check="audience", claim="aud", claims={"aud": value}
        )
    parties: dict[str, Any] = {
        "is another receiver": "another-receiver",
        "is empty": "",
        "is null": None,
        "is a list of this receiver": [AUDIENCE],
        "is true": True,
    }
    for comment, value in parties.items():
        group.refuse(
            f"azp {comment}", attack="C14", check="audience", claim="azp", claims={"azp": value}
        )


def _wrong(group: Group, attack: str, claim: str, values: dict[str, Any]) -> None:
    for comment, value in values.items():
        group.refuse(
            f"{claim} {comment}",
            attack=attack,
            check="claims",
            claim=claim,
            claims={claim: value},
        )


def _subject(group: Group) -> None:
    lengths = {"is empty": "", "of 256 characters": "s" * 256, "of 2,000 characters": "s" * 2000}
    _wrong(group, "C11", "sub", {**_NOT_A_TEXT, **lengths, **_NEVER_IN_AN_IDENTIFIER})


def _jwt_id(group: Group) -> None:
    values = {
        "is empty": "",
        "is a space": " ",
        "of 1 character": "j",
        "of 21 characters": "j" * 21,
        "of 65 characters": "j" * 65,
        "of 2,000 characters": "j" * 2000,
        "with a line break behind": "j" * 30 + "\n",
        "with a NUL": "j" * 15 + "\0" + "j" * 15,
        "with a space": "j" * 15 + " " + "j" * 15,
        "with padding": "j" * 42 + "==",
        "with a slash": "j" * 15 + "/" + "j" * 15,
        "with a letter of another script": "j" * 15 + "\u0458" + "j" * 15,
    }
    _wrong(group, "C13", "jti", {**_NOT_A_TEXT, **values})


def _nonce(group: Group) -> None:
    malformed = {
        "is empty": "",
        "of 256 characters": "n" * 256,
        "with a line break behind": NONCE + "\n",
        "with a space": NONCE.replace("-", " "),
        "with a letter of another script": NONCE.replace("o", "\u043e"),
    }
    _wrong(group, "R7", "nonce", {**_NOT_A_TEXT, **malformed})
    others = {
        "of another attempt": "the-nonce-that-another-browser-asked-for",
        "cut short": NONCE[:-1],
        "longer": NONCE + "2",
        "in capitals": NONCE.upper(),
    }
    for comment, value in others.items():
        group.refuse(
            f"nonce {comment}",
            attack="R7",
            check="browser",
            claim="nonce",
            claims={"nonce": value},
        )


def _session(group: Group) -> None:
    _wrong(group, "C17", "sid", {**_NOT_A_TEXT, "is empty": "", "of 256 characters": "s" * 256})
    _wrong(group, "C17", "sid", _NEVER_IN_AN_IDENTIFIER)
    values: dict[str, Any] = {
        "is a text": str(NOW),
        "is a fraction": NOW + 0.5,
        "is a whole number written as a fraction": float(NOW),
        "is true": True,
        "is 0": 0,
        "is negative": -NOW,
        "is a list": [NOW],
        "is beyond the year 9999": 253_402_300_800,
    }
    _wrong(group, "C5", "auth_time", values)


def _scope(group: Group) -> None:
    values: dict[str, Any] = {
        **_NOT_A_TEXT,
        "is empty": "",
        "with two spaces": "openid  profile",
        "with a space in front": " openid",
        "with a space behind": "openid ",
        "with a tab": "openid\tprofile",
        "with a line break": "openid\nprofile",
        "with a quotation mark": 'openid "profile"',
        "with a backslash": "openid \\profile",
        "with a letter of another script": "\u043epenid",
        "of 1,025 characters": "s" * 1025,
    }
    _wrong(group, "C17", "scope", values)


def _person(group: Group) -> None:
    names = {"is empty": "", "of 256 characters": "n" * 256, **_NOT_A_TEXT, **_NEVER_IN_A_TEXT}
    _wrong(group, "C15", "name", names)
    _wrong(group, "C15", "email", {"is empty": "", **_NOT_A_TEXT, **_NEVER_IN_AN_IDENTIFIER})
    truths: dict[str, Any] = {
        "is the text true": "true",
        "is 1": 1,
        "is null": None,
        "is a list": [True],
    }
    for comment, value in truths.items():
        group.refuse(
            f"email_verified {comment}",
            attack="C12",
            check="claims",
            claim="email_verified",
            claims={"email": "ada@example.com", "email_verified": value},
        )


def _other_kinds(group: Group) -> None:
    """Tokens that the same issuer signs for other purposes, as it would write them."""
    access = {"client_id": AUDIENCE, "nonce": WITHOUT, "auth_time": WITHOUT}
    logout = {
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        **dict.fromkeys(("nonce", "auth_time", "scope"), WITHOUT),
    }
    assertion = {
        "iss": AUDIENCE,
        "sub": AUDIENCE,
        "aud": ISSUER_URL,
        **dict.fromkeys(("nonce", "auth_time", "scope", "sid"), WITHOUT),
    }
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "an access token": ("at+jwt", access),
        "a logout token": ("logout+jwt", logout),
        "a client assertion": ("client-authentication+jwt", assertion),
        "an ID token of OpenID Connect": ("JWT", {}),
    }
    for comment, (typ, changes) in kinds.items():
        group.refuse(comment, attack="C9", check="header", header={"typ": typ}, claims=changes)
    for comment, claim, changes in (
        ("an access token that calls itself a handoff", "nonce", access),
        ("a logout token that calls itself a handoff", "nonce", logout),
        ("a client assertion that calls itself a handoff", "nonce", assertion),
    ):
        group.refuse(comment, attack="C9", check="required_claims", claim=claim, claims=changes)
