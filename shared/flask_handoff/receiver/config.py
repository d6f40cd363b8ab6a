"""The receiver's settings, checked whole."""

from __future__ import annotations

import re

from flask import Flask

from flask_handoff.addresses import with_parameters
from flask_handoff.profiles import PROFILES, RESPONSE_MODES
from flask_handoff.settings import RECEIVER_SETTINGS, SettingReader
from flask_handoff.web.service_config import ServiceConfig


class ReceiverConfig(ServiceConfig):
    """SERVER2's side, checked.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong.
    """

    def __init__(self, app: Flask) -> None:
        read = SettingReader(app.config, RECEIVER_SETTINGS)
        super().__init__(read)
        self.client_id = read.text("HANDOFF_CLIENT_ID")
        self.response_mode = read.choice("HANDOFF_RESPONSE_MODE", RESPONSE_MODES)
        self.scope = read.scope("HANDOFF_SCOPE")
        self.policy = read.choice("HANDOFF_POLICY", PROFILES)
        self.authorization_endpoint = read.url(
            "HANDOFF_AUTHORIZATION_ENDPOINT", default=f"{self.issuer.rstrip('/')}/authorize"
        )
        self.end_session_endpoint = read.url(
            "HANDOFF_END_SESSION_ENDPOINT", default=f"{self.issuer.rstrip('/')}/end-session"
        )
        self.default_target = self.site_path(read.target("HANDOFF_DEFAULT_TARGET"))
        self.max_age = read.seconds("HANDOFF_MAX_AGE")
        self.leeway = read.leeway("HANDOFF_LEEWAY")
        self.landing = read.choice("HANDOFF_LANDING", ("redirect", "refresh"))
        self.attempt_cookie = read.cookie_prefix("HANDOFF_ATTEMPT_COOKIE")
        self.internal_hosts = read.hosts("HANDOFF_INTERNAL_HOSTS")
        # Where SERVER1 sends the user back to; registered there, character by character.
        self.redirect_uri = f"{self.base_url}{self.url_prefix}/callback"
        # Paths that are no place to land: that would begin again, or sign out.
        self.not_targets = self._not_targets()
        # The address at SERVER1 by response mode, with what each request asks; more parameters
        # follow. A link may ask for form_post, never for a token in an address.
        self.authorization_requests = {
            mode: self._authorization_request(mode) for mode in {self.response_mode, "form_post"}
        }

    def _authorization_request(self, response_mode: str) -> str:
        parameters = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "id_token",
            # Without a mode the standard means ``fragment``, which no server ever sees.
            "response_mode": response_mode,
            "scope": " ".join(sorted(self.scope)),
        }
        return with_parameters(self.authorization_endpoint, parameters)

    def _not_targets(self) -> tuple[str, ...]:
        own = [self.url_prefix] if self.url_prefix else ["/login", "/callback", "/finish"]
        paths = [*own, "/logout"]
        return (*paths, *(f"{self.base_path}{path}" for path in paths))

    def site_path(self, path: str) -> str:
        """Return a path of this application as browsers know it, below that of the base URL.

        One that lies there already stays as it is: ``url_for`` makes such paths, and
        ``request.full_path`` the others.
        """
        if re.match(rf"{re.escape(self.base_path)}(?:[/?]|\Z)", path):
            return path
        return f"{self.base_path}{path}"
