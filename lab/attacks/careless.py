"""Attacks with tokens that only a careless or broken issuer would sign.

The bench's own issuer signs them, and a receiver that stands on the library as SERVER2 does, with
the same defaults, has to do with them.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask_handoff.claims import system_clock
from flask_handoff.keys import SigningKey

from . import forge
from .own import OwnReceiver
from .trial import Trial

MANY = 20  # tokens of a flood
TEN_YEARS = 10 * 365 * 24 * 3600  # seconds


def other_audience(trial: Trial) -> None:
    """Present a token that was made for another service of the same issuer."""
    receiver = trial.receiver()
    note = "Whoever runs the other service presents the token of one of its users"
    refused, token = _refused(trial, receiver, note, aud="another-service")
    falls = trial.lets_in(token, note)
    trial.end(ours=refused, tutorial=not falls)


def expired(trial: Trial) -> None:
    """Present a token of ten minutes ago."""
    receiver = trial.receiver()
    then = int((receiver.now() - timedelta(minutes=10)).timestamp())
    note = "Somebody found it in a browser history"
    refused, token = _refused(trial, receiver, note, iat=then, exp=then + 60, auth_time=then)
    trial.end(ours=refused, tutorial=not trial.lets_in(token, note))


def ten_years(trial: Trial) -> None:
    """Present a token that its issuer has signed for ten years."""
    receiver = trial.receiver()
    note = "Somebody presents it, today or in nine years"
    refused, token = _refused(trial, receiver, note, life=TEN_YEARS)
    trial.end(ours=refused, tutorial=not trial.lets_in(token, note))


def skewed_clock(trial: Trial) -> None:
    """Arrive with a token whose issuer's clock is ahead."""
    receiver = trial.receiver()
    refused, _ = _refused(trial, receiver, "A token from an hour ahead", ahead=3600)
    late, token = _refused(trial, receiver, "Ada's token, from 4 seconds ahead", ahead=4)
    at_tutorial = trial.lets_in(token, "Ada's token, from 4 seconds ahead")
    trial.end(ours=refused and not late, tutorial=at_tutorial)


def withdrawn_key(trial: Trial) -> None:
    """Sign with a stolen key, which its issuer has withdrawn meanwhile."""
    receiver, issuer = trial.receiver(), trial.issuer
    stolen, other = issuer.stolen_key, issuer.key
    issuer.publish(stolen)
    before, token = _refused(trial, receiver, "Ada arrives, before the theft", key=stolen)
    known_at_tutorial = trial.lets_in(token, "Ada arrives, before the theft")
    issuer.withdraw(stolen)
    receiver.let_pass(timedelta(minutes=5, seconds=1))
    note = "The thief's own token, five minutes after the key was withdrawn"
    refused, _ = _refused(trial, receiver, note, key=stolen)
    locked_out, _ = _refused(trial, receiver, "Ada arrives, with the new key", key=other)
    forged = issuer.token(system_clock(), stolen)
    falls = trial.lets_in(forged, note)
    trial.end(
        ours=refused and not before and not locked_out, tutorial=known_at_tutorial and not falls
    )


def unknown_key_flood(trial: Trial) -> None:
    """Send tokens that name keys which nobody has, so that each makes the receiver fetch keys."""
    receiver, forged = trial.receiver(), [_with_made_up_key(trial) for _ in range(MANY)]
    trial.show("One of them: nobody has that key", forged[0])
    for number, token in enumerate(forged, 1):
        browser, asked = receiver.begin()
        receiver.arrive(browser, asked["state"], token, _numbered(number))
    kept_out, _ = _refused(trial, receiver, "Ada arrives in the middle of it")
    before, tutorial = trial.reader.fetches, trial.at_tutorial()
    for number, token in enumerate(forged, 1):
        tutorial.get(f"{trial.tutorial_url}/callback?token={token}", _numbered(number))
    fetched = trial.reader.fetches - before
    del receiver.log[:-1]
    trial.end(ours=receiver.fetches <= 2 and not kept_out, tutorial=fetched < MANY)
    trial.ours.counted = f"Keys fetched: {receiver.fetches}, for {MANY} tokens."
    trial.tutorial.counted = f"Keys fetched: {fetched}, for {MANY} tokens."


def _refused(
    trial: Trial,
    receiver: OwnReceiver,
    note: str,
    *,
    key: SigningKey | None = None,
    life: int = 60,
    ahead: int = 0,
    **changed: object,
) -> tuple[bool, str]:
    """Present a token in an attempt of its own; return whether it is refused, and the token."""
    browser, asked = receiver.begin()
    now = receiver.now() + timedelta(seconds=ahead)
    token = trial.issuer.token(now, key, life, nonce=asked["nonce"], **changed)
    trial.show(note, token)
    return not receiver.arrive(browser, asked["state"], token, note), token


def _with_made_up_key(trial: Trial) -> str:
    token = trial.issuer.token(system_clock())
    header = {**forge.header_of(token), "kid": f"made-up-{secrets.token_hex(8)}"}
    return forge.joined(header, forge.claims_of(token), forge.signature_of(token))


def _numbered(number: int) -> str:
    return {1: "The first of them", MANY: f"The last of {MANY}"}.get(number, "")
