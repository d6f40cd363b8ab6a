"""The settings of a service that programs call, checked whole."""

from __future__ import annotations

from flask import Flask

from flask_handoff.claims import Clock
from flask_handoff.errors import ConfigurationError
from flask_handoff.setting_reader import SettingReader
from flask_handoff.settings import API_SETTINGS
from flask_handoff.stores import ReplayStore, RevocationCheck, RevocationList
from flask_handoff.web.service_config import ServiceConfig

from .revocation import (
    Allowlist,
    Blocklist,
    Introspection,
    RevocationCopy,
    RevocationStrategy,
    ServiceKey,
    ValidAfter,
)

STRATEGIES = ("none", "valid-after", "blocklist", "allowlist")


class APIConfig(ServiceConfig):
    """The side of a service that programs call.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong.
    """

    def __init__(self, app: Flask) -> None:
        self._read = SettingReader(app.config, API_SETTINGS)
        super().__init__(self._read)
        self.revocation = self._read.choice("HANDOFF_REVOCATION", STRATEGIES)
        self.leeway = self._read.leeway("HANDOFF_LEEWAY")
        self.internal_hosts = self._read.hosts("HANDOFF_INTERNAL_HOSTS")

    @property
    def client_id(self) -> str:
        """Whom revocation notices are for; needed with a strategy only."""
        return self._read.text("HANDOFF_CLIENT_ID")

    def strategy(
        self,
        entries: RevocationList | None,
        replay_store: ReplayStore | None,
        clock: Clock,
        *,
        other: RevocationCheck | None = None,
    ) -> RevocationStrategy | None:
        """Make what ``HANDOFF_REVOCATION`` names; None for nothing but a short life.

        Args:
            other: What the application would have asked in its place.

        Raises:
            ConfigurationError: A store or a setting that it needs is missing; or there are two.
        """
        if self.revocation == "none":
            return None
        if other is not None:
            raise ConfigurationError(
                f"HANDOFF_REVOCATION is {self.revocation}, and HandoffAPI was given revocations.",
                "Set HANDOFF_REVOCATION to none, or leave them out.",
            )
        if entries is None or replay_store is None:
            raise ConfigurationError(
                f"HANDOFF_REVOCATION is {self.revocation}, and HandoffAPI has nowhere to keep it.",
                "Give HandoffAPI.init_app a revocation_list and a replay_store.",
            )
        copy = RevocationCopy(entries, self.issuer, clock=clock)
        if self.revocation == "allowlist":
            return Allowlist(copy, self._introspection(clock).is_active)
        return (ValidAfter if self.revocation == "valid-after" else Blocklist)(copy)

    def _introspection(self, clock: Clock) -> Introspection:
        path = self._read.path("HANDOFF_SERVICE_KEY_FILE")
        if path is None:
            raise ConfigurationError(
                "HANDOFF_SERVICE_KEY_FILE is not set, and an allowlist asks the issuer by it.",
                "Give the file that SERVER1's clients add --kind receiver --key-file has written.",
            )
        return Introspection(
            self._read.text(
                "HANDOFF_INTROSPECTION_URI", default=f"{self.issuer.rstrip('/')}/introspect"
            ),
            ServiceKey.read(path, issuer=self.issuer, client_id=self.client_id),
            issuer=self.issuer,
            allow_http=self.jwks_allow_http,
            clock=clock,
            ca_file=self.ca_file,
        )
