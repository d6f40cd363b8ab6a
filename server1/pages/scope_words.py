"""Scopes in plain words, for whoever is asked whether a service may have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_IN_WORDS = {
    "profile": "see your name",
    "email": "see your e-mail address",
    "notes:read": "read your notes",
    "notes:write": "write notes",
    "offline_access": "keep this access while you are away",
}


def in_words(scope: Collection[str]) -> Sequence[str]:
    """Return what a client may do, one line for each value but ``openid``; well-known ones first.

    A value without words stands for itself: it is of an API that this server knows nothing of.
    """
    known = list(_IN_WORDS)
    in_order = sorted(
        (value for value in scope if value != "openid"),
        key=lambda value: (known.index(value) if value in known else len(known), value),
    )
    return [_IN_WORDS.get(value, value) for value in in_order]
