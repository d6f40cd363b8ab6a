"""The bench: runs one attack at a time, for real, and keeps what came of the newest ones."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from flask_handoff.keys import parse_jwks
from lab.config import Config
from lab.hops import Hops
from lab.tutorial import TokenReader

from .browsers import BenchError, Browser, Exchange
from .catalogue import Attack
from .own import OwnIssuer
from .people import People
from .trial import ShownToken, Side, Trial

MOST = 100  # results that are kept; the oldest makes room

LOG_WITHIN = 1  # second, for all log lines of an attack
GLANCE = 0.02  # seconds between two looks


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
        hops: What SERVER1 and SERVER2 tell of their requests, for their log lines.
    """

    def __init__(self, config: Config, hops: Hops) -> None:
        self._config = config
        self._hops = hops
        self._addresses: Mapping[str, str] = {
            config.server1.url: config.server1.address,
            config.server2.url: config.server2.address,
            config.base_url: config.address,
        }
        self.people = People(config.server1.url, config.server2.url, self._addresses)
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
            answer = browser.get(f"{self._config.server1.url}/.well-known/jwks.json")
            keys = {kid: key.public_key for kid, key in parse_jwks(answer.text.encode()).items()}
        except BenchError as error:
            raise ValueError(str(error)) from None
        finally:
            browser.close()
        return keys | {key.kid: key.verification_key.public_key for key in self._issuer.published}

    def _log_of(self, story: Sequence[Exchange]) -> list[str]:
        """Return what the servers wrote, but for the line that every request has."""
        deadline = time.monotonic() + LOG_WITHIN
        return [
            line
            for exchange in story
            for line in self._lines(exchange.mark, deadline)
            if ".access " not in line
        ]

    def _lines(self, mark: str, deadline: float) -> Sequence[str]:
        # They come by another way than the answer, and where nothing is recorded, not at all.
        while True:
            try:
                return self._hops.by_user_agent(mark).log
            except KeyError:
                if time.monotonic() > deadline:
                    return ()
                time.sleep(GLANCE)
