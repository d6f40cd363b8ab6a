"""Tokens at the wrong time, and dates that are none; the issuer signed each."""

from __future__ import annotations

from typing import Any

from vectors.book import NOW, Group, member

_TOO_EARLY = "token_not_yet_valid"
_EXPIRED = "token_expired"


def dates() -> Group:
    """Return the group."""
    group = Group("dates", "Tokens at the wrong time, and dates that are none.")
    _over(group)
    _ahead(group)
    _lifetime(group)
    _not_dates(group)
    _not_before(group)
    return group


def _over(group: Group) -> None:
    for seconds in (5, 6, 60, 3600, 365 * 86400):
        group.refuse(
            f"over for {seconds} s",
            attack="C4",
            check="time",
            claim="exp",
            code=_EXPIRED,
            now=NOW + 60 + seconds,
        )
    group.refuse(
        "from 1970",
        attack="C7",
        check="time",
        claim="exp",
        code=_EXPIRED,
        claims={"iat": 1, "exp": 61},
    )


def _ahead(group: Group) -> None:
    for seconds in (6, 60, 3600, 365 * 86400):
        group.refuse(
            f"issued {seconds} s ahead of this clock",
            attack="C7",
            check="time",
            claim="iat",
            code=_TOO_EARLY,
            now=NOW - seconds,
        )
    group.refuse(
        "issued in the year 9999",
        attack="C7",
        check="time",
        claim="iat",
        code=_TOO_EARLY,
        claims={"iat": 253_402_300_739, "exp": 253_402_300_799},
    )
    for seconds in (6, 60, 365 * 86400):
        group.refuse(
            f"the user signed in {seconds} s ahead of this clock",
            attack="C7",
            check="time",
            claim="auth_time",
            code=_TOO_EARLY,
            claims={"auth_time": NOW + seconds},
        )


def _lifetime(group: Group) -> None:
    lives: dict[str, dict[str, int]] = {
        "121 s long": {"exp": NOW + 121},
        "an hour long": {"exp": NOW + 3600},
        "ten years long": {"exp": NOW + 3650 * 86400},
        "until the end of the year 9999": {"exp": 253_402_300_799},
        "no time long": {"exp": NOW},
        "over before it was issued": {"exp": NOW - 1},
        "issued long ago and not over": {"iat": NOW - 365 * 86400},
        "issued an hour ago and not over": {"iat": NOW - 3600},
        "issued in 1970 and not over": {"iat": 1},
    }
    for comment, changes in lives.items():
        group.refuse(comment, attack="C6", check="lifetime", claim="exp", claims=changes)
    beyond = {
        "the first second beyond the year 9999": 253_402_300_800,
        "2 to the power of 53 and 1": 2**53 + 1,
        "2 to the power of 63": 2**63,
        "10 to the power of 18": 10**18,
        "20 digits": 10**20 - 1,
        "milliseconds": (NOW + 60) * 1000,
    }
    for comment, value in beyond.items():
        group.refuse(
            f"exp is {comment}", attack="C6", check="claims", claim="exp", claims={"exp": value}
        )
        group.refuse(
            f"iat is {comment}", attack="C7", check="claims", claim="iat", claims={"iat": value}
        )


def _not_dates(group: Group) -> None:
    for claim, seconds in {"iat": NOW, "exp": NOW + 60}.items():
        values: dict[str, Any] = {
            "a text": str(seconds),
            "a text with spaces": f" {seconds} ",
            "a text with a plus sign": f"+{seconds}",
            "a text with underscores": f"{seconds:_}",
            "a text in Arabic digits": "".join(chr(0x660 + int(digit)) for digit in str(seconds)),
            "a text in full-width digits": "".join(chr(0xFF10 + int(d)) for d in str(seconds)),
            "a date as text": "2027-01-15T08:00:30Z",
            "an empty text": "",
            "a whole number written as a fraction": float(seconds),
            "a fraction": seconds + 0.5,
            "true": True,
            "false": False,
            "0": 0,
            "negative": -seconds,
            "a list": [seconds],
            "an object": {"seconds": seconds},
        }
        for comment, value in values.items():
            group.refuse(
                f"{claim} is {comment}",
                attack="C5",
                check="claims",
                claim=claim,
                claims={claim: value},
            )
    texts = {"with an exponent": "1.8e9", "as a great number": "1e300", "minus 0": "-0"}
    for comment, text in texts.items():
        group.refuse(
            f"nbf is written {comment}",
            attack="C8",
            check="time",
            claim="nbf",
            rewrite_payload=member(f'"nbf":{text}'),
        )


def _not_before(group: Group) -> None:
    for seconds in (6, 59):
        group.refuse(
            f"nbf is {seconds} s ahead of this clock",
            attack="C8",
            check="time",
            claim="nbf",
            code=_TOO_EARLY,
            claims={"nbf": NOW + seconds},
        )
    values: dict[str, Any] = {
        "after exp": NOW + 61,
        "a text": str(NOW),
        "a fraction": NOW - 0.5,
        "true": True,
        "false": False,
        "0": 0,
        "negative": -1,
        "null": None,
        "a list": [NOW],
        "beyond the year 9999": 253_402_300_800,
    }
    for comment, value in values.items():
        group.refuse(
            f"nbf is {comment}", attack="C8", check="time", claim="nbf", claims={"nbf": value}
        )
