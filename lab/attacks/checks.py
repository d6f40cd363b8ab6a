"""What stops an attack: the name and the question of the check, from the code that makes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_handoff import JWKSClient, TokenVerifier
from flask_handoff.return_to import check_return_to
from flask_handoff.stores.rotation import newest_again
from flask_handoff.tokens.verification import name_of
from lab.texts import without_markup


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    question: str  # the first paragraph of its docstring
    place: str  # the module


def check_of(name: str) -> Check:
    """Return a check of the handoff's verifier, or one of the few that are elsewhere.

    Raises:
        KeyError: There is no such check.
    """
    return _CHECKS[name]


def _described(name: str, code: Callable[..., Any]) -> Check:
    text = inspect.cleandoc(code.__doc__ or "").partition("\n\n")[0]
    return Check(name, without_markup(" ".join(text.split())), code.__module__)


_CHECKS = {
    **{name_of(check): _described(name_of(check), check) for check in TokenVerifier.checks},
    "check_return_to": _described("check_return_to", check_return_to),
    "newest_again": _described("newest_again", newest_again),
    "JWKSClient.key": _described("JWKSClient.key", JWKSClient.key),
    # SERVER1's own page, which the lab does not import.
    "verify_email": Check(
        "verify_email",
        "Verify the address. A GET, by a mail scanner perhaps, does nothing.",
        "server1.pages.verification",
    ),
}
