"""An issuer and a receiver of the bench's own: for tokens that only a careless issuer would sign.

The receiver stands on the library as SERVER2 does, with the same defaults. It trusts the bench's
issuer alone, and is asked inside this process: nothing listens for it.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask
from werkzeug.test import Client

from flask_handoff import Arrival, HandoffReceiver, JWKSClient, MemoryReplayStore
from flask_handoff.claims import Clock
from flask_handoff.keys import SigningKey
from flask_service.logs import OneLineFormatter

from . import forge
from .browsers import Exchange, heading_of

ISSUER = "https://issuer.example"  # nobody is there, and nothing is sent there
RECEIVER = "https://notes.example"
AUDIENCE = "notes"
KEY_BITS = 2048


class OwnIssuer:
    """Signs whatever it is told to, which an issuer should not."""

    def __init__(self) -> None:
        self._published: list[SigningKey] = []

    @property
    def published(self) -> list[SigningKey]:
        """The keys that everybody finds; that of the attacks is always among them."""
        self.publish(self.key)
        return self._published

    @cached_property
    def key(self) -> SigningKey:
        """The key of all attacks but one; it takes a moment, so it is made when it is needed."""
        return self._publish()

    @cached_property
    def stolen_key(self) -> SigningKey:
        """The key that is stolen, and withdrawn then."""
        return self._publish()

    def withdraw(self, key: SigningKey) -> None:
        """Publish a key no longer."""
        self._published = [each for each in self._published if each is not key]

    def publish(self, key: SigningKey) -> None:
        """Publish a key, also one that was withdrawn."""
        if key not in self._published:
            self._published = [*self._published, key]

    def token(
        self,
        now: datetime,
        key: SigningKey | None = None,
        life: int = 60,
        **changed: object,
    ) -> str:
        """Sign a token as SERVER1 does, but for what is changed; one that lives so many seconds."""
        key, begun = key or self.key, int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "name": "Ada",
            "sid": secrets.token_urlsafe(32),
            "auth_time": begun,
            "scope": "openid profile",
            "nonce": "of-nobody",
            "jti": secrets.token_urlsafe(32),
            "iat": begun,
            "exp": begun + life,
            **changed,
        }
        return forge.signed({"alg": "RS256", "typ": "handoff+jwt", "kid": key.kid}, claims, key)

    def _publish(self) -> SigningKey:
        key = SigningKey.generate(KEY_BITS)
        self.publish(key)
        return key


class OwnReceiver:
    """The bench's receiver, new for each attack. Its clock can be set."""

    def __init__(self, issuer: OwnIssuer, story: list[Exchange]) -> None:
        self._issuer = issuer
        self._story = story
        self._passed = timedelta()
        self.fetches = 0
        self.log: list[str] = []
        self._keys = JWKSClient(f"{ISSUER}/keys", fetch=self._fetch, monotonic=self._monotonic)
        self._arrivals: list[str] = []
        self._app = _application(self._keys, self.now, self._arrivals)

    def now(self) -> datetime:
        """Tell the time by the receiver's clock."""
        return datetime.now(UTC) + self._passed

    def let_pass(self, time_: timedelta) -> None:
        """Set the clock forward."""
        self._passed += time_

    def begin(self) -> tuple[Client, dict[str, str]]:
        """Begin a handoff in a new browser; return that, and what the receiver asks for."""
        browser = self._app.test_client()
        answer = browser.get("/sso/login", base_url=RECEIVER)
        return browser, dict(parse_qsl(urlsplit(answer.location).query))

    def arrive(self, browser: Client, state: str, token: str, note: str = "") -> bool:
        """Come back with a token; return whether that signs anybody in."""
        query = urlencode({"id_token": token, "state": state, "iss": ISSUER})
        before = len(self._arrivals)
        with self._listening():
            answer = browser.get(f"/sso/callback?{query}", base_url=RECEIVER)
        if note:
            self._story.append(
                Exchange(
                    note=note,
                    method="GET",
                    url=f"{RECEIVER}/sso/callback?{query}",
                    status=answer.status_code,
                    location=answer.location or "",
                    heading="" if answer.location else heading_of(answer.text),
                )
            )
        return len(self._arrivals) > before

    def close(self) -> None:
        """End the thread of its keys."""
        self._keys.close()

    def _fetch(self) -> tuple[bytes, datetime | None]:
        self.fetches += 1
        keys = [key.verification_key.to_jwk() for key in self._issuer.published]
        return json.dumps({"keys": keys}).encode(), None

    def _monotonic(self) -> float:
        return time.monotonic() + self._passed.total_seconds()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        handler = _Lines(self.log)
        logger = logging.getLogger("flask_handoff")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(OneLineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        if "rejected:" in record.getMessage():
            self._lines.append(self.format(record))


def _application(keys: JWKSClient, clock: Clock, arrivals: list[str]) -> Flask:
    app = Flask("lab.receiver")
    settings: Mapping[str, str] = {
        "HANDOFF_ISSUER": ISSUER,
        "HANDOFF_BASE_URL": RECEIVER,
        "HANDOFF_CLIENT_ID": AUDIENCE,
        "HANDOFF_RESPONSE_MODE": "query",
    }
    app.config.update(settings)

    def sign_in(arrival: Arrival) -> str:
        arrivals.append(arrival.claims.subject)
        return "a session"

    receiver = HandoffReceiver(sign_in=sign_in, live_session=lambda: None)
    receiver.init_app(app, replay_store=MemoryReplayStore(), keys=keys, clock=clock)
    return app
