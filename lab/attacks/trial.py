"""One run of one attack, and what became of it on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from flask_handoff.keys import VerificationKey, parse_jwks
from lab.tutorial import TokenReader

from . import forge
from .browsers import BenchError, Browser, Exchange
from .own import OwnIssuer, OwnReceiver
from .people import People


@dataclass(slots=True)
class Side:
    """What happened at one receiver."""

    story: list[Exchange] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    stands: bool = False
    counted: str = ""  # what was counted, in a sentence


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token as the page shows it: taken apart, and without its signature."""

    note: str
    header: str
    claims: str
    signature: int  # characters


class Trial:
    """What an attack works with. Everything that it opens is closed after it.

    Args:
        people: Who takes part.
        lab_url: Where the tutorial is.
        attacker_url: Where an open redirect would lead.
    """

    def __init__(
        self,
        people: People,
        issuer: OwnIssuer,
        reader: TokenReader,
        *,
        lab_url: str,
        attacker_url: str,
    ) -> None:
        self.people = people
        self.issuer = issuer
        self.reader = reader
        self.attacker_url = attacker_url
        self.tutorial_url = f"{lab_url}/tutorial"
        self.ours = Side()
        self.tutorial = Side()
        self.tokens: list[ShownToken] = []
        self._opened = ExitStack()

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_error: object) -> None:
        self._opened.close()

    def ada(self) -> Browser:
        """Open a browser in which Ada is signed in at SERVER1."""
        return self._closing(self.people.ada(self.ours.story))

    def mallory(self) -> Browser:
        """The same for Mallory, the attacker."""
        return self._closing(self.people.mallory(self.ours.story))

    def stranger(self) -> Browser:
        """Open a browser in which nobody is signed in."""
        return self._closing(self.people.browser(self.ours.story))

    def at_tutorial(self) -> Browser:
        """Open a browser whose requests are told on the tutorial's side."""
        return self._closing(self.people.browser(self.tutorial.story))

    def receiver(self) -> OwnReceiver:
        """Make a receiver of the bench's own."""
        receiver = OwnReceiver(self.issuer, self.ours.story)
        self.ours.log = receiver.log
        self._opened.callback(receiver.close)
        return receiver

    def enter_tutorial(self, token: str, note: str) -> str:
        """Open the tutorial's callback with a token, and return what its page says then."""
        browser = self.at_tutorial()
        answer = browser.get(f"{self.tutorial_url}/callback?token={token}", note)
        if answer.location:
            answer = browser.get(answer.location, "There the tutorial says")
        return answer.text

    def lets_in(self, token: str, note: str) -> bool:
        """Open the tutorial's callback with a token, and return whether that signs anybody in."""
        return "takes you for" in self.enter_tutorial(token, note)

    def public_key(self, kid: str) -> VerificationKey:
        """Fetch a public key of SERVER1, as everybody can."""
        answer = self.stranger().get(f"{self.people.server1}/.well-known/jwks.json")
        try:
            return parse_jwks(answer.text.encode())[kid]
        except KeyError:
            raise BenchError("SERVER1 does not publish that key.") from None

    def show(self, note: str, token: str) -> str:
        """Have the page show a token, and return it."""
        self.tokens.append(
            ShownToken(
                note,
                _pretty(forge.header_of(token)),
                _pretty(forge.claims_of(token)),
                len(forge.signature_of(token)),
            )
        )
        return token

    def end(self, *, ours: bool, tutorial: bool) -> None:
        """Note who stands."""
        self.ours.stands, self.tutorial.stands = ours, tutorial

    def _closing(self, browser: Browser) -> Browser:
        self._opened.callback(browser.close)
        return browser


def _pretty(content: Mapping[str, object]) -> str:
    shown = {name: _short(value) for name, value in content.items()}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _short(value: object) -> object:
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, str) and len(value) > 48 and "/" not in value:
        return f"{value[:8]}…"
    return value


Run = Callable[[Trial], None]
