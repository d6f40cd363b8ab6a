"""The settings of every service: who it is, whom it trusts, and where that issuer's keys are."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

from flask_handoff.keys import JWKSClient, KeySource, PinnedKeys
from flask_handoff.profiles import PROFILES
from flask_handoff.setting_reader import SettingReader

_EXTENSION = "handoff_issuer_keys"


class ServiceConfig:
    """What is read alike where users arrive and where programs call.

    Raises:
        ConfigurationError: A setting is missing or wrong.
    """

    def __init__(self, read: SettingReader) -> None:
        self.issuer = read.issuer("HANDOFF_ISSUER")
        self.base_url = read.base_url("HANDOFF_BASE_URL")
        self.policy = read.choice("HANDOFF_POLICY", PROFILES)
        self.url_prefix = read.url_prefix("HANDOFF_URL_PREFIX", default="/sso")
        self.base_path = urlsplit(self.base_url).path
        # Where keys come from may be an address of the inside: JWKSClient checks it.
        self.jwks_uri = read.text(
            "HANDOFF_JWKS_URI", default=f"{self.issuer.rstrip('/')}/.well-known/jwks.json"
        )
        self.jwks_allow_http = read.switch("HANDOFF_JWKS_ALLOW_HTTP")
        self.jwks_flush_file = read.path("HANDOFF_JWKS_FLUSH_FILE")
        self.ca_file = read.ca_file("HANDOFF_CA_FILE")
        self.pinned_keys = read.path("HANDOFF_PINNED_KEYS")


def issuer_keys(app: Flask, config: ServiceConfig, given: KeySource | None) -> KeySource:
    """Return the issuer's public keys, one source for all extensions of an application.

    Args:
        given: Those that the application brings. None: those that another extension has for this
            issuer, else those of the settings.

    Raises:
        ConfigurationError: The settings name no good source.
    """
    held: dict[str, KeySource] = app.extensions.setdefault(_EXTENSION, {})
    keys = given or held.get(config.issuer) or _from_settings(config)
    held[config.issuer] = keys
    return keys


def _from_settings(config: ServiceConfig) -> KeySource:
    foreign = PROFILES[config.policy].foreign
    if config.pinned_keys is not None:
        return PinnedKeys.from_file(config.pinned_keys, foreign=foreign)
    return JWKSClient(
        config.jwks_uri,
        allow_http=config.jwks_allow_http,
        foreign=foreign,
        ca_file=config.ca_file,
        flush_file=config.jwks_flush_file,
    )
