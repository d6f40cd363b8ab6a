"""Attacks on programs: what they hold are refresh tokens and access tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from .browsers import Answer, BenchError, Browser
from .trial import Trial

CLIENT = "notes-cli"  # the demo's example program
SCOPE = "notes:read notes:write offline_access"
REDIRECT_URI = "http://127.0.0.1:9/callback"  # read from the redirect, and never opened


class Tokens(NamedTuple):
    """What a program was given."""

    access_token: str
    refresh_token: str


def authorize(trial: Trial, user: Browser) -> Tokens:
    """Let a user give the demo's example program access to their notes.

    Raises:
        BenchError: SERVER1 does not do as expected.
    """
    server1, verifier = trial.people.server1, secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = urlencode(
        {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "resource": trial.people.server2,
            "state": secrets.token_urlsafe(32),
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
    )
    url = _agreed(user, user.get(f"{server1}/authorize?{query}"))
    code = parse_qs(urlsplit(url).query).get("code", [""])[0]
    given = trial.stranger().post(
        f"{server1}/token",
        {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT_URI,
            "code": code,
            "code_verifier": verifier,
        },
    )
    if given.status != 200:
        raise BenchError("SERVER1 gave the program no tokens.")
    return _tokens(given)


def stolen_refresh_token(trial: Trial) -> None:
    """Copy a program's refresh token, and renew with it before the program does."""
    program, thief = trial.stranger(), trial.stranger()
    copied = authorize(trial, trial.ada()).refresh_token
    held = copied
    for note in ("The thief renews with the copy", "The thief renews once more"):
        held = _tokens(_renew(trial, thief, held, note)).refresh_token
    noticed = _renew(trial, program, copied, "Ada's program renews, with what it has")
    after = _renew(trial, thief, held, "The thief wants to go on")

    tutorial = trial.at_tutorial()
    copied = held = _first_at_tutorial(trial, tutorial)
    for note in ("The thief renews with the copy", "The thief renews once more"):
        held = _renew_at_tutorial(trial, tutorial, held, note)
    _renew_at_tutorial(trial, tutorial, copied, "Ada's program renews, with what it has")
    goes_on = _renew_at_tutorial(trial, tutorial, held, "The thief wants to go on")
    trial.end(ours=noticed.status == after.status == 400, tutorial=not goes_on)


def two_tabs(trial: Trial) -> None:
    """Renew twice with the same refresh token, as two tabs or two processes do at one time."""
    first, second = trial.stranger(), trial.stranger()
    held = authorize(trial, trial.ada()).refresh_token
    one = _tokens(_renew(trial, first, held, "The first tab renews")).refresh_token
    other = _renew(trial, second, held, "The second tab renews, with the same token")
    both = other.status == 200 and _tokens(other).refresh_token == one
    later = _renew(trial, second, one, "Later the second tab renews again")
    if later.status == 200:
        fields = {"token": _tokens(later).refresh_token, "client_id": CLIENT}
        second.post(f"{trial.people.server1}/revoke", fields)  # nothing is left over in her account

    tutorial = trial.at_tutorial()
    held = _first_at_tutorial(trial, tutorial)
    _renew_at_tutorial(trial, tutorial, held, "The first tab renews")
    second_at_tutorial = _renew_at_tutorial(
        trial, tutorial, held, "The second tab renews, with the same token"
    )
    trial.end(ours=both and later.status == 200, tutorial=bool(second_at_tutorial))


def scanner(trial: Trial) -> None:
    """Fetch the link of a mail before its reader does, as mail scanners do."""
    people, user, visitor = trial.people, trial.stranger(), trial.stranger()
    _, link = people.sign_up(user, "Grace")
    visitor.send("HEAD", link, "A mail scanner looks at the link")
    visitor.get(link, "The scanner opens the link")
    page = user.get(link, "Grace opens the link, in the browser in which she signed up")
    fields = page.fields
    confirmed = user.post(page.action, fields, "Grace presses the button")
    stands = page.status == 200 and confirmed.status == 303

    browser = trial.at_tutorial()
    page = browser.post(f"{trial.tutorial_url}/sign-up", {})
    link = f"{trial.tutorial_url}/confirm?link={page.text.partition('confirm?link=')[2][:43]}"
    browser.get(link, "The scanner opens the link")
    opened = browser.get(link, "Grace opens the link")
    trial.end(ours=stands, tutorial=opened.status == 200)


def _agreed(user: Browser, answer: Answer) -> str:
    """Press the button of the page that asks for consent, if there is one."""
    if answer.location:
        answer = answer if answer.location.startswith(REDIRECT_URI) else user.get(answer.location)
    if not answer.location:
        answer = user.post(answer.action, {**answer.fields, "answer": "agree"})
    for _ in range(3):
        if answer.location.startswith(REDIRECT_URI):
            return answer.location
        answer = user.get(answer.location)
    raise BenchError("SERVER1 did not lead back to the program.")


def _renew(trial: Trial, program: Browser, refresh_token: str, note: str) -> Answer:
    fields = {
        "grant_type": "refresh_token",
        "client_id": CLIENT,
        "refresh_token": refresh_token,
    }
    return program.post(f"{trial.people.server1}/token", fields, note)


def _tokens(answer: Answer) -> Tokens:
    document = json.loads(answer.text)
    try:
        return Tokens(document["access_token"], document["refresh_token"])
    except KeyError:
        raise BenchError("SERVER1 gave no tokens.") from None


def _first_at_tutorial(trial: Trial, browser: Browser) -> str:
    given = browser.post(f"{trial.tutorial_url}/tokens", {})
    return str(json.loads(given.text)["refresh_token"])


def _renew_at_tutorial(trial: Trial, browser: Browser, refresh_token: str, note: str) -> str:
    """Return the next refresh token; empty where the tutorial gives none."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer = browser.post(f"{trial.tutorial_url}/tokens", fields, note)
    return str(json.loads(answer.text).get("refresh_token", ""))
