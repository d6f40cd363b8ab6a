"""The receiver's settings, checked whole."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from flask_handoff.addresses import with_parameters
from flask_handoff.errors import ConfigurationError
from flask_handoff.profiles import OPENID_SCOPES, PROFILES, RESPONSE_MODES, TokenProfile
from flask_handoff.setting_reader import SettingReader, check_public_url
from flask_handoff.settings import RECEIVER_SETTINGS
from flask_handoff.web.service_config import ServiceConfig

_MOST_BACKDATED = timedelta(minutes=10)
# What requests ask: of a parameter that comes twice, nobody knows which one counts.
_ASKED = frozenset(
    {"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"}
    | {"prompt", "max_age", "login_hint", "target_link_uri"}
)
_ASKED_AT_THE_END = frozenset({"client_id", "logout_hint", "post_logout_redirect_uri", "state"})


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
        self.profile = self._profile(read)
        self.default_scope = read.scopes("HANDOFF_DEFAULT_SCOPE")
        self._check_is_of_a_foreign_issuer("HANDOFF_DEFAULT_SCOPE", self.default_scope)
        self.authorization_endpoint = self._endpoint(
            read, "HANDOFF_AUTHORIZATION_ENDPOINT", "/authorize", _ASKED
        )
        self.end_session_endpoint = self._endpoint(
            read, "HANDOFF_END_SESSION_ENDPOINT", "/end-session", _ASKED_AT_THE_END
        )
        self.default_target = self.site_path(read.target("HANDOFF_DEFAULT_TARGET"))
        self.max_age = read.seconds("HANDOFF_MAX_AGE")
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

    def _endpoint(self, read: SettingReader, name: str, path: str, added: Set[str]) -> str:
        """Read an address that a browser is sent to; a query of its own is kept.

        Source: RFC 6749, section 3.1.
        """
        url = read.text(name, default=f"{self.issuer.rstrip('/')}{path}")
        check_public_url(url, setting=name)
        twice = parse_qs(urlsplit(url).query, keep_blank_values=True).keys() & added
        if twice:
            raise ConfigurationError(
                f"{name} has a query with {', '.join(sorted(twice))}, which is added to it.",
                "Leave that out of the query.",
            )
        return url.rstrip("?&")

    def _profile(self, read: SettingReader) -> TokenProfile:
        backdating = read.seconds("HANDOFF_BACKDATING") or timedelta(0)
        self._check_is_of_a_foreign_issuer("HANDOFF_BACKDATING", backdating)
        if backdating > _MOST_BACKDATED:
            raise ConfigurationError(
                "HANDOFF_BACKDATING must be a number of seconds, 600 at most.", "For example: 300."
            )
        leeway = read.leeway("HANDOFF_LEEWAY")
        return replace(
            PROFILES[self.policy],
            leeway=leeway,
            backdating=backdating,
            # Who was asked for a scope of the service's may have refused it by leaving it out.
            ignores_openid_scopes=self.scope <= OPENID_SCOPES,
        )

    def _check_is_of_a_foreign_issuer(self, name: str, value: object) -> None:
        if value and not PROFILES[self.policy].foreign:
            raise ConfigurationError(
                f"{name} is of no use with HANDOFF_POLICY={self.policy}.",
                "Leave it out, or set HANDOFF_POLICY=oidc for a foreign OpenID Provider.",
            )

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
