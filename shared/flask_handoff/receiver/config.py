"""The receiver's settings, checked whole and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask

from flask_handoff.profiles import PROFILES, RESPONSE_MODES
from flask_handoff.settings import RECEIVER_SETTINGS, SettingReader


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """SERVER2's side, checked."""

    issuer: str
    base_url: str
    client_id: str
    response_mode: str
    scope: frozenset[str]
    policy: str
    authorization_endpoint: str
    jwks_uri: str
    jwks_allow_http: bool
    jwks_flush_file: Path | None
    pinned_keys: Path | None
    default_target: str
    max_age: timedelta | None
    landing: str
    attempt_cookie: str
    internal_hosts: frozenset[str]

    @classmethod
    def from_app(cls, app: Flask) -> ReceiverConfig:
        """Read the receiver's settings.

        Raises:
            ConfigurationError: One is missing, unknown or wrong.
        """
        read = SettingReader(app.config, RECEIVER_SETTINGS)
        issuer = read.issuer("HANDOFF_ISSUER")
        base = issuer.rstrip("/")
        return cls(
            issuer=issuer,
            base_url=read.origin("HANDOFF_BASE_URL"),
            client_id=read.text("HANDOFF_CLIENT_ID"),
            response_mode=read.choice("HANDOFF_RESPONSE_MODE", RESPONSE_MODES),
            scope=read.scope("HANDOFF_SCOPE"),
            policy=read.choice("HANDOFF_POLICY", PROFILES),
            authorization_endpoint=read.url(
                "HANDOFF_AUTHORIZATION_ENDPOINT", default=f"{base}/authorize"
            ),
            # Where keys come from may be an address of the inside: JWKSClient checks it.
            jwks_uri=read.text("HANDOFF_JWKS_URI", default=f"{base}/.well-known/jwks.json"),
            jwks_allow_http=read.switch("HANDOFF_JWKS_ALLOW_HTTP"),
            jwks_flush_file=read.path("HANDOFF_JWKS_FLUSH_FILE"),
            pinned_keys=read.path("HANDOFF_PINNED_KEYS"),
            default_target=read.target("HANDOFF_DEFAULT_TARGET"),
            max_age=read.seconds("HANDOFF_MAX_AGE"),
            landing=read.choice("HANDOFF_LANDING", ("redirect", "refresh")),
            attempt_cookie=read.cookie_prefix("HANDOFF_ATTEMPT_COOKIE"),
            internal_hosts=read.hosts("HANDOFF_INTERNAL_HOSTS"),
        )

    @property
    def redirect_uri(self) -> str:
        """Where SERVER1 sends the user back to; to be registered there, character by character."""
        return f"{self.base_url}/sso/callback"
