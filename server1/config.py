"""SERVER1's settings: read once from the environment and ``.env``, checked whole, frozen.

``HANDOFF_…`` settings belong to the library, which checks them itself; here they get the defaults
that make the two demo servers find each other.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from flask_handoff import ConfigurationError
from flask_handoff.addresses import is_loopback
from flask_handoff.redaction import check_settings, shown
from flask_handoff.settings import ISSUER_SETTINGS, RECEIVER_SETTINGS, check_public_url

from .mail.config import MailConfig, read_mail_config

SETTINGS: Mapping[str, str] = {
    "SERVER1_INSTANCE": "instance/server1",
    "SERVER1_DATABASE_URL": "",
    "SERVER1_SECRET_KEY_FILE": "",
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
    "SERVER1_ARGON2_TIME_COST": "3",
    "SERVER1_ARGON2_PARALLELISM": "4",
    "SERVER1_CONCURRENT_HASHES": "4",
}
"""Every ``SERVER1_…`` setting and its default."""

DEFAULT_PORT = 5001
SERVER2_DEFAULT_PORT = 5002

# The least that OWASP's Password Storage Cheat Sheet accepts for Argon2id with one lane.
LEAST_MEMORY_KIB = 19 * 1024
LEAST_TIME_COST = 2

_KEEP_HERE = (
    "set HANDOFF_ISSUER to http://localhost:5001 and SERVER1_BIND to 127.0.0.1; in a container"
    " whose port is published on loopback only, set SERVER1_PUBLISHED_ON_LOOPBACK=1"
)
# What a database may stand on; a host with an @ in it is the end of a password.
_HOST = re.compile(r"[A-Za-z0-9._:%-]*", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HashingConfig:
    """What one password hash costs, and how many may be computed at once."""

    memory_kib: int
    time_cost: int
    parallelism: int
    concurrent: int


@dataclass(frozen=True, slots=True)
class ServingConfig:
    """Where the server listens, and how much it does at once."""

    bind: str
    port: int
    workers: int
    threads: int
    connections: int


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of SERVER1, checked.

    Args:
        issuer: The base URL under which browsers know this server.
        instance: The directory for what this installation creates: secret key and database.
        database_url: SQLite (a file) or PostgreSQL.
        secret_key_file: Where the key that signs cookies lies.
        creates_secret_key: Whether it is made at first run; not when its place was named.
        demo: Whether this is the demo on one machine, which shows its account's password.
        demo_password: That password, when the demo's launcher chose it.
        published_on_loopback: Whether it listens in a container whose port only this machine has.
        signup: Whether anybody may make an account for themselves.
        requires_verified_email: Whether a receiver gets only users whose address is verified.
        contact: Whom a person may turn to; shown on pages and in mails.
        mail: How mail leaves.
        trusted_proxies: How many proxies stand in front and append to ``X-Forwarded-For``.
        audit_kept: How long what is recorded in the audit log is kept.
        handoff: The library's settings.
    """

    issuer: str
    instance: Path
    database_url: URL
    secret_key_file: Path
    creates_secret_key: bool
    demo: bool
    demo_password: str | None = field(repr=False)
    published_on_loopback: bool
    signup: bool
    requires_verified_email: bool
    contact: str
    mail: MailConfig
    trusted_proxies: int
    audit_kept: timedelta
    serving: ServingConfig
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
        read = _SettingReader(read_environment() if environment is None else environment)
        issuer = read.issuer()
        instance = Path(read.text("SERVER1_INSTANCE"))
        own_key_file = read.text("SERVER1_SECRET_KEY_FILE")
        serving = read.serving(issuer)
        elsewhere = read.reached_from_elsewhere(issuer, serving.bind)
        demo = read.demo(elsewhere)
        return cls(
            issuer=issuer,
            instance=instance,
            database_url=read.database_url(instance),
            secret_key_file=Path(own_key_file or instance / "secret_key"),
            creates_secret_key=not own_key_file,
            demo=demo,
            demo_password=read.environment.get("DEMO_PASSWORD") or None if demo else None,
            published_on_loopback=read.published_on_loopback(),
            signup=read.switch("SERVER1_SIGNUP"),
            requires_verified_email=read.switch("SERVER1_REQUIRE_VERIFIED_EMAIL"),
            contact=read.text("SERVER1_CONTACT") or "the people who run this server",
            mail=read_mail_config(read, instance),
            trusted_proxies=read.number("SERVER1_TRUSTED_PROXIES", 0, 10),
            audit_kept=timedelta(days=read.number("SERVER1_AUDIT_DAYS", 1, 36500)),
            serving=serving,
            hashing=read.hashing(elsewhere),
            handoff=read.handoff(issuer, demo),
        )

    @property
    def https(self) -> bool:
        """Whether browsers reach this server over https; decides over names of cookies."""
        return self.issuer.startswith("https://")

    @property
    def shows_outbox(self) -> bool:
        """Whether mails become files that anybody who tries the demo may read."""
        return self.demo and self.mail.smtp is None


def read_environment() -> dict[str, str]:
    """Return the process's environment over the ``.env`` of the current directory."""
    from_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**from_file, **os.environ}


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


class _SettingReader:
    """Reads each setting by the form it must have."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        given = {name: value for name, value in environment.items() if name.startswith("SERVER1_")}
        _check_spelling(given.keys() - SETTINGS.keys())
        ours = {*SETTINGS, *ISSUER_SETTINGS, *RECEIVER_SETTINGS, "DEMO_PASSWORD"}
        check_settings({name: value for name, value in environment.items() if name in ours})
        known = {name: value for name, value in given.items() if value and name in SETTINGS}
        self._values = {**SETTINGS, **known}

    def text(self, name: str) -> str:
        value = self._values[name]
        if not value.isprintable():
            raise ConfigurationError(
                f"{name} is not one line of text.", "docs/settings.md says what it holds."
            )
        return value

    def number(self, name: str, least: int, most: int) -> int:
        value = self._values[name]
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise ConfigurationError(
                f"{name}: {shown(value)} is not a number from {least} to {most}.",
                f"The default is {SETTINGS[name] or 'none'}.",
            )
        return int(value)

    def port(self, name: str, default: int) -> int:
        value = self.environment.get(name) or str(default)
        if not _PORT.fullmatch(value) or not 1 <= int(value) <= 65535:
            raise ConfigurationError(
                f"{name}: {shown(value)} is no port.", "Use a number, 1 to 65535."
            )
        return int(value)

    def issuer(self) -> str:
        default = f"http://localhost:{self.port('SERVER1_PORT', DEFAULT_PORT)}"
        return check_public_url(
            self.environment.get("HANDOFF_ISSUER") or default, setting="HANDOFF_ISSUER"
        )

    def switch(self, name: str) -> bool:
        value = self._values[name]
        if value not in {"0", "1"}:
            raise ConfigurationError(
                f"{name}: {shown(value)} is neither on nor off.", "Use 1 or 0."
            )
        return value == "1"

    def published_on_loopback(self) -> bool:
        return self.switch("SERVER1_PUBLISHED_ON_LOOPBACK")

    def reached_from_elsewhere(self, issuer: str, bind: str) -> str:
        """Say what lets other machines reach this server; empty where nothing does.

        A Host is forged with ease, so the address that is bound counts as much as the issuer.
        """
        if not _is_here(issuer):
            return "HANDOFF_ISSUER is not on this machine"
        if not is_loopback(bind) and not self.published_on_loopback():
            return f"SERVER1_BIND is {bind}, where other machines reach the server"
        return ""

    def demo(self, elsewhere: str) -> bool:
        demo = self.switch("SERVER1_DEMO")
        if demo and elsewhere:
            raise ConfigurationError(
                f"Demo mode shows a password and all mails to everyone, and {elsewhere}.",
                f"Remove SERVER1_DEMO, or {_KEEP_HERE}.",
            )
        return demo

    def database_url(self, instance: Path) -> URL:
        text = self.text("SERVER1_DATABASE_URL")
        if not text:
            return URL.create("sqlite", database=str(instance / "server1.sqlite3"))
        remedy = "Use such as sqlite:///path/to/file or postgresql://user@host/database."
        url = _parse_url(text)
        if url is None or (url.host is not None and not _HOST.fullmatch(url.host)):
            # The text may hold a password, so it is not repeated.
            raise ConfigurationError(
                "SERVER1_DATABASE_URL is not a URL.",
                f"{remedy} In a password write @ : / ? # and % as %40 %3A %2F %3F %23 and %25.",
            )
        if url.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"}:
            raise ConfigurationError(
                f"SERVER1_DATABASE_URL: {shown(url.drivername)} is not supported.", remedy
            )
        if not url.database or url.database == ":memory:" or "mode" in url.query:
            raise ConfigurationError("SERVER1_DATABASE_URL names no database.", remedy)
        return url

    def serving(self, issuer: str) -> ServingConfig:
        bind = self.text("SERVER1_BIND")
        if not _is_address(bind):
            raise ConfigurationError(
                f"SERVER1_BIND: {shown(bind)} is no address.", "Use such as 127.0.0.1 or 0.0.0.0."
            )
        issuer_port = urlsplit(issuer).port if _is_here(issuer) else None
        return ServingConfig(
            bind=bind,
            port=self.port("SERVER1_PORT", issuer_port or DEFAULT_PORT),
            workers=self.number("SERVER1_WORKERS", 1, 64),
            threads=self.number("SERVER1_THREADS", 1, 64),
            connections=self.number("SERVER1_CONNECTIONS", 1, 65536),
        )

    def hashing(self, elsewhere: str) -> HashingConfig:
        parallelism = self.number("SERVER1_ARGON2_PARALLELISM", 1, 16)
        hashing = HashingConfig(
            memory_kib=self.number("SERVER1_ARGON2_MEMORY_KIB", 8 * parallelism, 4 * 1024 * 1024),
            time_cost=self.number("SERVER1_ARGON2_TIME_COST", 1, 100),
            parallelism=parallelism,
            concurrent=self.number("SERVER1_CONCURRENT_HASHES", 1, 256),
        )
        cheap = hashing.memory_kib < LEAST_MEMORY_KIB or hashing.time_cost < LEAST_TIME_COST
        if cheap and elsewhere:
            raise ConfigurationError(
                "SERVER1_ARGON2_MEMORY_KIB and SERVER1_ARGON2_TIME_COST make passwords too cheap "
                f"to guess, and {elsewhere}.",
                f"Use at least {LEAST_MEMORY_KIB} and {LEAST_TIME_COST}, or {_KEEP_HERE}.",
            )
        return hashing

    def handoff(self, issuer: str, demo: bool) -> Mapping[str, str | list[dict[str, object]]]:
        given = {
            name: value
            for name, value in self.environment.items()
            if name.startswith("HANDOFF_") and value
        }
        return {
            "HANDOFF_KEYS_DIRECTORY": "instance/keys",
            "HANDOFF_CLIENTS": [self._notes(demo)],
            **given,
            "HANDOFF_ISSUER": issuer,
        }

    def _notes(self, demo: bool) -> dict[str, object]:
        server2 = f"http://127.0.0.1:{self.port('SERVER2_PORT', SERVER2_DEFAULT_PORT)}"
        base_url = self.environment.get("HANDOFF_BASE_URL") or server2
        return {
            "client_id": "server2",
            "name": "SERVER2",
            "redirect_uris": [f"{base_url}/sso/callback"],
            # The demo is there to be looked at; elsewhere a token has no place in an address.
            "response_modes": ["query", "form_post"] if demo else ["form_post"],
            "initiate_login_uri": f"{base_url}/sso/login",
            "backchannel_logout_uri": f"{base_url}/sso/backchannel-logout",
        }


def _parse_url(text: str) -> URL | None:
    # None in place of an error: the error quotes what it stumbled over, such as a password.
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _check_spelling(unknown: Iterable[str]) -> None:
    # A name that resembles none of ours belongs to somebody else, such as a container platform.
    for name in sorted(unknown):
        for meant in get_close_matches(name, SETTINGS, n=1, cutoff=0.85):
            raise ConfigurationError(f"There is no setting {name}.", f"Perhaps {meant} was meant.")
