"""The settings of SERVER2, read once at start-up from the environment and ``.env``."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from flask_handoff.addresses import is_loopback
from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import check_settings
from flask_handoff.settings import ISSUER_SETTINGS, RECEIVER_SETTINGS, check_public_url

SETTINGS = (
    *("SERVER2_INSTANCE", "SERVER2_DATABASE_URL", "SERVER2_BIND", "SERVER2_PORT"),
    *("SERVER2_SESSION_SAMESITE", "SERVER2_DEMO", "SERVER2_PUBLISHED_ON_LOOPBACK"),
)
DATABASES = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
SAME_SITE = ("Lax", "Strict")
_HOST = re.compile(r"[A-Za-z0-9._:%-]*", re.ASCII)
Parsed = TypeVar("Parsed")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Config:
    """What SERVER2 runs with. Exists only when every value was found good.

    Args:
        instance: Directory of what this server makes for itself: secret key and SQLite database.
        database_url: SQLAlchemy address, with its driver.
        base_url: Scheme, host and port by which browsers reach this server; no slash at the end.
        bind: Address to listen on.
        port: Port to listen on, 1 to 65535.
        session_samesite: ``Lax`` or ``Strict``.
        demo: Whether this is the demonstration on one machine.
        published_on_loopback: Whether it listens in a container whose port only this machine has.
        handoff: The library's settings, for ``app.config``.
    """

    instance: Path
    database_url: str
    base_url: str
    bind: str
    port: int
    session_samesite: str
    demo: bool
    published_on_loopback: bool
    handoff: Mapping[str, object]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and check all settings.

        Args:
            environment: In place of the process's environment, which overrides ``.env``.

        Raises:
            ConfigurationError: A value is wrong; the text says which one and what to do.
        """
        settings = _settings(environment)
        _check_spelling(settings)
        ours = {*SETTINGS, *ISSUER_SETTINGS, *RECEIVER_SETTINGS}
        check_settings({name: value for name, value in settings.items() if name in ours})
        instance = Path(settings.get("SERVER2_INSTANCE", "instance/server2")).absolute()
        port = _port(settings, "SERVER2_PORT", 5002)
        base_url = check_public_url(
            settings.get("HANDOFF_BASE_URL", f"http://127.0.0.1:{port}"),
            setting="HANDOFF_BASE_URL",
        )
        samesite = _session_samesite(settings)
        bind = _bind_address(settings)
        demo = _switch(settings, "SERVER2_DEMO")
        published = _switch(settings, "SERVER2_PUBLISHED_ON_LOOPBACK")
        if demo:
            _check_only_here(base_url, "" if published else bind)
        return cls(
            instance=instance,
            database_url=_database_url(settings, instance),
            base_url=base_url,
            bind=bind,
            port=port,
            session_samesite=samesite,
            demo=demo,
            published_on_loopback=published,
            handoff=_handoff(settings, instance, base_url, samesite, demo),
        )

    @property
    def https(self) -> bool:
        """Whether browsers reach this server over TLS."""
        return self.base_url.startswith("https://")


def _settings(environment: Mapping[str, str] | None) -> dict[str, str]:
    merged = {**dotenv_values(".env"), **os.environ} if environment is None else environment
    # Compose files hand on a variable that is not set as an empty one.
    return {name: value.strip() for name, value in merged.items() if value and value.strip()}


def _check_spelling(settings: Mapping[str, str]) -> None:
    # A name that resembles none of ours belongs to somebody else, such as a container platform.
    unknown = {name for name in settings if name.startswith("SERVER2_")} - set(SETTINGS)
    for name in sorted(unknown):
        for meant in get_close_matches(name, SETTINGS, n=1, cutoff=0.85):
            raise ConfigurationError(f"There is no setting {name}.", f"Perhaps {meant} was meant.")


def _port(settings: Mapping[str, str], name: str, default: int) -> int:
    text = settings.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise ConfigurationError(f"{name} is not a port.", "Give a whole number from 1 to 65535.")
    return int(text)


def _bind_address(settings: Mapping[str, str]) -> str:
    text = settings.get("SERVER2_BIND", "127.0.0.1")
    address = _parsed(ipaddress.ip_address, text)
    if address is None:
        raise ConfigurationError(
            "SERVER2_BIND is not an IP address.",
            "Leave it out to listen on 127.0.0.1; inside a container use 0.0.0.0.",
        )
    return str(address)


def _parsed(parse: Callable[[str], Parsed], text: str) -> Parsed | None:
    # None in place of an error: the error quotes what it stumbled over, such as a password.
    try:
        return parse(text)
    except (ArgumentError, ValueError):
        return None


def _session_samesite(settings: Mapping[str, str]) -> str:
    text = settings.get("SERVER2_SESSION_SAMESITE", "Lax")
    if text not in SAME_SITE:
        raise ConfigurationError(
            "SERVER2_SESSION_SAMESITE is neither Lax nor Strict.",
            "Write Lax, or Strict to keep the session off every link from another site.",
        )
    return text


def _switch(settings: Mapping[str, str], name: str) -> bool:
    text = settings.get(name, "0").lower()
    if text not in YES + NO:
        raise ConfigurationError(f"{name} is neither 1 nor 0.", "Write 1 or 0.")
    return text in YES


def _check_only_here(base_url: str, bind: str) -> None:
    if not is_loopback(urlsplit(base_url).hostname or ""):
        raise ConfigurationError(
            "SERVER2_DEMO is on, but HANDOFF_BASE_URL is not on this machine.",
            "Leave SERVER2_DEMO out wherever others can reach the server.",
        )
    # A Host is forged with ease, so the address that is bound counts as much as the base URL.
    if bind and not is_loopback(bind):
        raise ConfigurationError(
            f"SERVER2_DEMO is on, but SERVER2_BIND is {bind}, where other machines reach the"
            " server.",
            "Leave one of them out; in a container whose port is published on loopback only, set"
            " SERVER2_PUBLISHED_ON_LOOPBACK=1.",
        )


def _database_url(settings: Mapping[str, str], instance: Path) -> str:
    text = settings.get("SERVER2_DATABASE_URL", f"sqlite:///{instance / 'server2.sqlite3'}")
    remedy = "Write sqlite:///path/of/a/file or postgresql://user:password@host/database."
    url = _parsed(make_url, text)
    # A host with an @ in it is the end of a password.
    if url is None or not _HOST.fullmatch(url.host or ""):
        raise ConfigurationError(
            "SERVER2_DATABASE_URL is not an address.",
            f"{remedy} In a password write @ : / ? # and % as %40 %3A %2F %3F %23 and %25.",
        )
    driver = DATABASES.get(url.get_backend_name())
    if driver is None:
        raise ConfigurationError("SERVER2_DATABASE_URL names another database.", remedy)
    if driver == "sqlite" and (url.database or ":memory:") == ":memory:":
        raise ConfigurationError("SERVER2_DATABASE_URL is a SQLite without a file.", remedy)
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _handoff(
    settings: Mapping[str, str], instance: Path, base_url: str, samesite: str, demo: bool
) -> dict[str, object]:
    issuer_port = _port(settings, "SERVER1_PORT", 5001)
    defaults = {
        "HANDOFF_ISSUER": f"http://localhost:{issuer_port}",
        "HANDOFF_CLIENT_ID": "server2",
        # The demo is there to be looked at; elsewhere a token has no place in an address.
        "HANDOFF_RESPONSE_MODE": "query" if demo else "form_post",
        "HANDOFF_SCOPE": "openid profile email notes:read notes:write",
        "HANDOFF_ATTEMPT_COOKIE": "s2_tx_",
        "HANDOFF_DEFAULT_TARGET": "/notes",
        "HANDOFF_JWKS_FLUSH_FILE": instance / "flush_keys",
        # A Strict cookie does not travel on a redirect that began at SERVER1.
        "HANDOFF_LANDING": "refresh" if samesite == "Strict" else "redirect",
    }
    given = {name: value for name, value in settings.items() if name.startswith("HANDOFF_")}
    return {**defaults, **given, "HANDOFF_BASE_URL": base_url}
