"""The attacks of the bench, in the order of its page: what each is, and why who falls or stands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import careless, forged, programs, stolen
from .trial import Run

Place = Literal["SERVER1", "SERVER2", "own"]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack, in words.

    Args:
        name: In addresses, and the id of its test.
        group: What its part of the page is called.
        what: What the attacker does.
        mistake: What the tutorial does, and what comes of it.
        defence: What stops it here.
        at: Who is attacked; ``own`` is the bench's own receiver.
        check: The name of the check that stops it, for ``check_of``.
        test: The test that says so for the library or for a server, below ``tests/``.
        tutorial_falls: Whether it gets through at the tutorial.
        run: Makes the attack.
    """

    name: str
    group: str
    title: str
    what: str
    mistake: str
    defence: str
    at: Place
    check: str
    test: str
    tutorial_falls: bool
    run: Run


_RUNS: Mapping[str, Run] = {
    "replay": stolen.replay,
    "login-csrf": stolen.login_csrf,
    "leaked-token": stolen.leaked_token,
    "hostile-target": stolen.hostile_target,
    "forged-signature": forged.forged_signature,
    "alg-none": forged.alg_none,
    "hs256-public-key": forged.hmac_with_public_key,
    "embedded-key": forged.embedded_key,
    "other-kind": forged.other_kind,
    "unknown-key-flood": careless.unknown_key_flood,
    "other-audience": careless.other_audience,
    "expired": careless.expired,
    "ten-years": careless.ten_years,
    "skewed-clock": careless.skewed_clock,
    "withdrawn-key": careless.withdrawn_key,
    "stolen-refresh-token": programs.stolen_refresh_token,
    "two-tabs": programs.two_tabs,
    "mail-scanner": programs.scanner,
}


def _read() -> dict[str, Attack]:
    words = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text())
    return {name: _attack(name, fields) for name, fields in words.items()}


def _attack(name: str, fields: Mapping[str, Any]) -> Attack:
    plain: dict[str, Any] = {
        each: " ".join(value.split()) if isinstance(value, str) else value
        for each, value in fields.items()
    }
    return Attack(name=name, run=_RUNS[name], **plain)


ATTACKS: Mapping[str, Attack] = _read()


def groups() -> Mapping[str, list[Attack]]:
    """Return all attacks by the part of the page to which they belong."""
    found: dict[str, list[Attack]] = {}
    for attack in ATTACKS.values():
        found.setdefault(attack.group, []).append(attack)
    return found
