"""Attacks with a token that SERVER1 never signed, or signed for something else.

The attacker has an account, and so an attempt of their own and a genuine token to work on.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from flask_handoff.keys import SigningKey

from . import forge, programs
from .browsers import Browser
from .trial import Trial

VICTIM = {"sub": "somebody-else", "name": "Somebody Else"}
"""What the attacker writes into a token."""


class Material(NamedTuple):
    """What the attacker has: a browser with a live attempt, and the token that belongs to it."""

    browser: Browser
    state: str
    header: dict[str, Any]
    claims: dict[str, Any]  # already changed
    signature: str


def forged_signature(trial: Trial) -> None:
    """Change who the token is about, and leave the signature as it was."""
    own = _material(trial)
    forged = forge.joined(own.header, own.claims, own.signature)
    _present(trial, own, forged, "The token: another name, the old signature")


def alg_none(trial: Trial) -> None:
    """Write into the header that the token needs no signature."""
    own = _material(trial)
    forged = forge.joined({**own.header, "alg": "none"}, own.claims)
    _present(trial, own, forged, "The token: alg says none, and there is no signature")


def hmac_with_public_key(trial: Trial) -> None:
    """Sign by HS256, and take the public key, which everybody has, for the secret."""
    own = _material(trial)
    secret = forge.pem_of(trial.public_key(own.header["kid"]))
    forged = forge.signed_with_secret({**own.header, "alg": "HS256"}, own.claims, secret)
    _present(trial, own, forged, "The token: signed by HS256, the public key is the secret")


def embedded_key(trial: Trial) -> None:
    """Sign with a key of one's own, and include the key."""
    own = _material(trial)
    key = SigningKey.generate(2048)
    jwk = key.verification_key.to_jwk()
    header = {**own.header, "jwk": {name: jwk[name] for name in ("kty", "n", "e")}}
    forged = forge.signed(header, own.claims, key)
    _present(trial, own, forged, "The token: the attacker's key is in its header")


def other_kind(trial: Trial) -> None:
    """Present a token that SERVER1 signed for another purpose: a program's access token."""
    access_token = programs.authorize(trial, trial.ada()).access_token
    thief = trial.stranger()
    asked = parse_qs(urlsplit(trial.people.begin(thief)).query)
    own = Material(thief, asked["state"][0], {}, {}, "")
    _present(trial, own, access_token, "Ada's access token, held by one of her programs")


def _material(trial: Trial) -> Material:
    mallory = trial.mallory()
    handoff = trial.people.hand_over(mallory)
    return Material(
        mallory,
        handoff.state,
        forge.header_of(handoff.token),
        {**forge.claims_of(handoff.token), **VICTIM},
        forge.signature_of(handoff.token),
    )


def _present(trial: Trial, own: Material, token: str, what: str) -> None:
    people = trial.people
    trial.show(what, token)
    callback = people.callback(token, own.state)
    own.browser.get(callback, "The attacker comes back from SERVER1 with it, in their own sign-in")
    stands = not people.is_in(own.browser)
    falls = trial.lets_in(token, "The attacker opens the tutorial's address with it")
    trial.end(ours=stands, tutorial=not falls)
