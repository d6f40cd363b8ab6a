"""The bench: runs one attack at a time, for real, and keeps what came of the newest ones."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from flask_handoff.keys import parse_jwks
from lab.config import Config
from lab.tutorial import TokenReader

from .browsers import BenchError, Browser, Exchange
from .catalogue import Attack
from .own import OwnIssuer
from .people import People
from .trial import Side, ShownToken, Trial

MOST = 100  # results that are kept; the oldest makes room

LogLines = Callable[[str], Sequence[str]]
"""Returns the lines that a server has written for a request, by the request's id."""


class BusyError(BenchError):
    """Another attack is running."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attack."""

    attack: Attack
    ours: Side
    tutorial: Side
    tokens: Sequence[ShownToken]


class Bench:
    """Runs attacks against the demo's servers, the tutorial, and a receiver of its own.

    Args:
        config: Where they are: on this machine, all of them.
        log_lines: Finds the log lines of a request at SERVER1 or SERVER2.
    """

    def __init__(self, config: Config, log_lines: LogLines) -> None:
        self._config = config
        self._log_lines = log_lines
        self._addresses: Mapping[str, str] = {
            config.server1_url: config.server1_address,
            config.server2_url: config.server2_address,
            config.base_url: config.address,
        }
        self.people = People(config.server1_url, config.server2_url, self._addresses)
        self._issuer = OwnIssuer()
        self.reader = TokenReader(self.public_keys)
        self._one_at_a_time = threading.Lock()
        self._results: OrderedDict[str, Result] = OrderedDict()

    def run(self, attack: Attack) -> str:
        """Run an attack, and return the name of its result.

        Raises:
            BusyError: Another one is running. It is not waited for: the requests of that one need
                a thread of this process.
            BenchError: It cannot be run.
        """
        if not self._one_at_a_time.acquire(blocking=False):
            raise BusyError("Another attack is running. Try again in a moment.")
        try:
            with Trial(
                self.people,
                self._issuer,
                self.reader,
                lab_url=self._config.base_url,
                attacker_url=self._config.attacker_url,
            ) as trial:
                attack.run(trial)
        finally:
            self._one_at_a_time.release()
        if attack.at != "own":
            trial.ours.log = self._log_of(trial.ours.story)
        name = secrets.token_urlsafe(9)
        self._results[name] = Result(attack, trial.ours, trial.tutorial, trial.tokens)
        if len(self._results) > MOST:
            self._results.popitem(last=False)
        return name

    def result(self, name: str) -> Result:
        """Return a result.

        Raises:
            KeyError: There is none of this name, or no longer.
        """
        return self._results[name]

    def link_of_mallory(self) -> tuple[str, str]:
        """Make a sign-in of Mallory's own; return its last address at SERVER2, and its token."""
        browser = self.people.mallory([])
        try:
            handoff = self.people.hand_over(browser)
        finally:
            browser.close()
        return handoff.url, handoff.token

    def public_keys(self) -> Mapping[str, RSAPublicKey]:
        """Fetch SERVER1's public keys, and add those of the bench's own issuer: for the tutorial.

        Raises:
            ValueError: SERVER1 does not answer with keys.
        """
        browser = Browser(self._addresses, [])
        try:
            answer = browser.get(f"{self._config.server1_url}/.well-known/jwks.json")
            keys = {kid: key.public_key for kid, key in parse_jwks(answer.text.encode()).items()}
        except BenchError as error:
            raise ValueError(str(error)) from None
        finally:
            browser.close()
        return keys | {
            key.kid: key.verification_key.public_key for key in self._issuer.published
        }

    def _log_of(self, story: Sequence[Exchange]) -> list[str]:
        named = [exchange.request_id for exchange in story if exchange.request_id]
        return [line for name in named for line in self._log_lines(name)]
