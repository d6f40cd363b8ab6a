"""What is needed in addition to verify a kind of token that is accepted once."""

from __future__ import annotations

from datetime import timedelta

from flask_handoff.claims import Clock, system_clock
from flask_handoff.keys import KeySource
from flask_handoff.profiles import TokenProfile
from flask_handoff.stores import LogoutStore, ReplayStore

from .verification import Verification, Verifier

REPLAY_MARGIN = timedelta(seconds=60)  # remembered this much longer than a token is accepted


class OneUseVerifier(Verifier):
    """What one receiver expects of such tokens, and where it remembers those that were used."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        replay_store: ReplayStore,
        profile: TokenProfile | None = None,
        clock: Clock = system_clock,
        logout_store: LogoutStore | None = None,
    ) -> None:
        super().__init__(issuer=issuer, audience=audience, keys=keys, profile=profile, clock=clock)
        self.replay_store = replay_store
        self.claimed_as = issuer  # beside the identifier, what a use is remembered by
        self.logout_store = logout_store


class OneUseVerification(Verification):
    """One such token on its way through the checks."""

    __slots__ = ()

    expected: OneUseVerifier

    def claim(self, identifier: str) -> None:
        """Win the token's one use, see ``ReplayStore.claim``."""
        expected = self.expected
        forget_at = self.payload["exp"] + expected.leeway + REPLAY_MARGIN.total_seconds()
        expected.replay_store.claim(
            expected.claimed_as,
            identifier,
            expires_at=int(forget_at),
            now=int(self.now),
        )
