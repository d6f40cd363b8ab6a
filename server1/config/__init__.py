"""SERVER1's settings: read once from the environment and ``.env``, checked whole, frozen.

``HANDOFF_…`` settings belong to the library, which checks them itself; here they get the defaults
that make the two demo servers find each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

from flask import Flask, current_app
from sqlalchemy.engine import URL

from flask_handoff import ConfigurationError
from flask_handoff.settings import API_SETTINGS, ISSUER_SETTINGS, RECEIVER_SETTINGS
from flask_service.settings import Lab, Serving, SettingReader
from server1.accounts.passwords import LEAST_POSSIBLE_KIB, HashingConfig

from .mail import MailConfig, read_mail_config

SETTINGS: Mapping[str, str] = {
    "SERVER1_INSTANCE": "instance/server1",
    "SERVER1_SECRET_KEY_FILE": "",
    "SERVER1_DATABASE_URL": "",
    "SERVER1_DATABASE_POOL": "",
    "SERVER1_DEMO": "0",
    "SERVER1_SIGNUP": "1",
    "SERVER1_REQUIRE_VERIFIED_EMAIL": "1",
    "SERVER1_CONTACT": "",
    "SERVER1_MAIL_FROM": "",
    "SERVER1_SMTP_HOST": "",
    "SERVER1_SMTP_PORT": "",
    "SERVER1_SMTP_TLS": "starttls",
    "SERVER1_SMTP_USERNAME": "",
    "SERVER1_SMTP_PASSWORD": "",
    "SERVER1_SMTP_PASSWORD_FILE": "",
    "SERVER1_BIND": "127.0.0.1",
    "SERVER1_PUBLISHED_ON_LOOPBACK": "0",
    "SERVER1_PORT": "",
    "SERVER1_WORKERS": "1",
    "SERVER1_THREADS": "32",
    "SERVER1_CONNECTIONS": "512",
    "SERVER1_TRUSTED_PROXIES": "0",
    "SERVER1_AUDIT_DAYS": "400",
    "SERVER1_ARGON2_MEMORY_KIB": "65536",
    "SERVER1_CONCURRENT_HASHES": "4",
    "SERVER1_LAB_URL": "",
    "SERVER1_LAB_ADDRESS": "",
}
"""Every ``SERVER1_…`` setting and its default."""

_EXTENSION = "server1.config"

# The demo knows examples/notes_cli.py. A native app keeps no secret, and asks its users.
_NOTES_CLI: dict[str, object] = {
    "client_id": "notes-cli",
    "name": "Notes at a terminal",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "response_types": ["code"],
    "policy": "oidc",
    "native": True,
}

DEFAULT_PORT = 5001
SERVER2_DEFAULT_PORT = 5002

LEAST_MEMORY_KIB = 19 * 1024  # OWASP's Password Storage Cheat Sheet, for Argon2id


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of SERVER1, checked.

    Args:
        issuer: The base URL under which browsers know this server.
        database_pool: How many connections one process opens at most.
        instance: The directory for what this installation creates: secret key and database.
        creates_secret_key: Whether it is made at first run; not when its place was named.
        demo: Whether this is the demo on one machine, which shows its account's password.
        lab: The demo's lab, which is told of every request; None where there is none.
        demo_password: That password, when the demo's launcher chose it.
        requires_verified_email: Whether a receiver gets only users whose address is verified.
        contact: Whom a person may turn to; shown on pages and in mails.
        audit_kept: How long the audit log keeps its rows.
        handoff: The library's settings.
    """

    issuer: str
    instance: Path
    database_url: URL
    database_pool: int
    secret_key_file: Path
    creates_secret_key: bool
    demo: bool
    lab: Lab | None
    demo_password: str | None = field(repr=False)
    signup: bool
    requires_verified_email: bool
    contact: str
    mail: MailConfig
    audit_kept: timedelta
    serving: Serving
    hashing: HashingConfig
    handoff: Mapping[str, str | list[dict[str, object]]]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and check all settings.

        Args:
            environment: Names and values; None for the process's environment, with ``.env`` of the
                current directory where that is silent.

        Raises:
            ConfigurationError: A setting is misspelt or wrong.
        """
        read = SettingReader(
            "SERVER1",
            SETTINGS,
            base_url="HANDOFF_ISSUER",
            others=(*ISSUER_SETTINGS, *RECEIVER_SETTINGS, *API_SETTINGS, "DEMO_PASSWORD"),
            environment=environment,
        )
        issuer = read.base_url(f"http://localhost:{read.port('SERVER1_PORT', DEFAULT_PORT)}")
        instance = Path(read.text("SERVER1_INSTANCE"))
        own_key_file = read.text("SERVER1_SECRET_KEY_FILE")
        serving = read.serving(issuer, DEFAULT_PORT)
        database_url = read.database_url(instance / "server1.sqlite3")
        elsewhere = read.reached_from_elsewhere(issuer, serving)
        demo = read.demo(elsewhere)
        return cls(
            issuer=issuer,
            instance=instance,
            database_url=database_url,
            database_pool=read.database_pool(database_url),
            secret_key_file=Path(own_key_file or instance / "secret_key"),
            creates_secret_key=not own_key_file,
            demo=demo,
            lab=read.lab(serving, demo=demo),
            demo_password=read.secret("DEMO_PASSWORD") or None if demo else None,
            signup=read.switch("SERVER1_SIGNUP"),
            requires_verified_email=read.switch("SERVER1_REQUIRE_VERIFIED_EMAIL"),
            contact=read.text("SERVER1_CONTACT") or "the people who run this server",
            mail=read_mail_config(read, instance),
            audit_kept=timedelta(days=read.number("SERVER1_AUDIT_DAYS", 1, 36500)),
            serving=serving,
            hashing=_hashing(read, elsewhere, serving.threads),
            handoff=_handoff(read, issuer, demo),
        )


def init_app(app: Flask, config: Config) -> None:
    """Have the application run by these settings."""
    app.extensions[_EXTENSION] = config


def config() -> Config:
    """Return the settings of the current application."""
    return cast(Config, current_app.extensions[_EXTENSION])


def _hashing(read: SettingReader, elsewhere: str, threads: int) -> HashingConfig:
    memory_kib = read.number("SERVER1_ARGON2_MEMORY_KIB", LEAST_POSSIBLE_KIB, 4 * 1024 * 1024)
    if memory_kib < LEAST_MEMORY_KIB and elsewhere:
        raise ConfigurationError(
            f"SERVER1_ARGON2_MEMORY_KIB makes passwords too cheap to guess, and {elsewhere}.",
            f"Use at least {LEAST_MEMORY_KIB}, or {read.keep_on_loopback}.",
        )
    concurrent = read.number("SERVER1_CONCURRENT_HASHES", 1, 256)
    # Two threads are left for known addresses, and for pages that need no password.
    return HashingConfig(memory_kib, concurrent, strangers=max(threads - 2, 1))


def _handoff(
    read: SettingReader, issuer: str, demo: bool
) -> Mapping[str, str | list[dict[str, object]]]:
    server2 = f"http://127.0.0.1:{read.port('SERVER2_PORT', SERVER2_DEFAULT_PORT)}"
    base_url = read.given().get("HANDOFF_BASE_URL", server2)
    notes: dict[str, object] = {
        "client_id": "server2",
        "name": "Notes",
        "redirect_uris": [f"{base_url}/sso/callback"],
        # The demo is there to be looked at; elsewhere a token has no place in an address.
        "response_modes": ["query", "form_post"] if demo else ["form_post"],
        "initiate_login_uri": f"{base_url}/sso/login",
        "backchannel_logout_uri": f"{base_url}/sso/backchannel-logout",
        "revocation_uri": f"{base_url}/sso/revocations",
        "post_logout_redirect_uris": [f"{base_url}/logout"],
        "first_party": True,
        "resource": base_url,
        "scopes": ["notes:read", "notes:write"],
    }
    return {
        "HANDOFF_KEYS_DIRECTORY": "instance/keys",
        "HANDOFF_CLIENTS": [notes, _NOTES_CLI] if demo else [notes],
        **read.given("HANDOFF_"),
        "HANDOFF_ISSUER": issuer,
    }
