"""``HANDOFF_…`` settings: read once, checked whole, frozen. A wrong one refuses to start.

Each setting is taken from ``app.config``, else from the environment. A ``HANDOFF_…`` name that is
nearly one of ours is refused as well: a misspelt setting must not leave a default in force.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from .clients import RESPONSE_MODES, Client, ClientRegistry, check_public_url
from .errors import ConfigurationError, UnsafeReturnToError
from .profiles import PROFILES
from .redaction import check_path, check_settings, shown
from .return_to import check_return_to

ISSUER_SETTINGS: Mapping[str, str | None] = {
    "HANDOFF_ISSUER": None,
    "HANDOFF_KEYS_DIRECTORY": None,
    "HANDOFF_CLIENTS": None,
    "HANDOFF_INTERNAL_HOSTS": "",
}
"""The issuer's settings and their defaults; None has to be given."""

RECEIVER_SETTINGS: Mapping[str, str | None] = {
    "HANDOFF_ISSUER": None,
    "HANDOFF_BASE_URL": None,
    "HANDOFF_CLIENT_ID": None,
    "HANDOFF_RESPONSE_MODE": "form_post",
    "HANDOFF_SCOPE": "openid profile email",
    "HANDOFF_POLICY": "handoff",
    "HANDOFF_AUTHORIZATION_ENDPOINT": "",
    "HANDOFF_JWKS_URI": "",
    "HANDOFF_JWKS_ALLOW_HTTP": "0",
    "HANDOFF_JWKS_FLUSH_FILE": "",
    "HANDOFF_PINNED_KEYS": "",
    "HANDOFF_DEFAULT_TARGET": "/",
    "HANDOFF_MAX_AGE": "",
    "HANDOFF_LANDING": "redirect",
    "HANDOFF_ATTEMPT_COOKIE": "handoff_tx_",
    "HANDOFF_INTERNAL_HOSTS": "",
}
"""The receiver's settings and their defaults; None has to be given."""

_LONGEST_ISSUER = 255  # characters; replay stores keep it beside each token
_COOKIE_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)
_HOST = re.compile(
    r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?", re.ASCII
)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """SERVER1's side, checked."""

    issuer: str
    keys_directory: Path
    clients: ClientRegistry
    internal_hosts: frozenset[str]

    @classmethod
    def from_app(cls, app: Flask) -> IssuerConfig:
        """Read the issuer's settings.

        Raises:
            ConfigurationError: One is missing, unknown or wrong.
        """
        read = _SettingReader(app, ISSUER_SETTINGS)
        return cls(
            issuer=read.origin("HANDOFF_ISSUER"),
            keys_directory=Path(read.text("HANDOFF_KEYS_DIRECTORY")),
            clients=ClientRegistry.from_settings(_client_entries(read.value("HANDOFF_CLIENTS"))),
            internal_hosts=read.hosts("HANDOFF_INTERNAL_HOSTS"),
        )


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
        read = _SettingReader(app, RECEIVER_SETTINGS)
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


class _SettingReader:
    """Reads one side's settings, each by the form it must have."""

    def __init__(self, app: Flask, defaults: Mapping[str, str | None]) -> None:
        known = ISSUER_SETTINGS.keys() | RECEIVER_SETTINGS.keys()
        # Container platforms hand on a variable that is not set as an empty one.
        environment = {name: value for name, value in os.environ.items() if value}
        given: dict[str, Any] = {
            name: value
            for source in (environment, app.config)
            for name, value in source.items()
            if name.startswith("HANDOFF_")
        }
        _check_spelling(given.keys() - known, known)
        check_settings({name: value for name, value in given.items() if name in known})
        self._values = {**defaults, **given}

    def value(self, name: str) -> Any:
        value = self._values[name]
        if value is None or value == "":
            raise ConfigurationError(f"{name} is not set.", "docs/settings.md says what it holds.")
        return value

    def text(self, name: str, *, default: str | None = None) -> str:
        if default is not None and not self._values[name]:
            return default
        value = self.value(name)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or not value.isprintable():
            raise ConfigurationError(
                f"{name} is not one line of text.", "docs/settings.md says what it holds."
            )
        return value

    def url(self, name: str, *, default: str | None = None) -> str:
        url = check_public_url(self.text(name, default=default), setting=name)
        if "?" in url:
            raise ConfigurationError(
                f"{name}: {shown(url)} has a query.", "Leave out the ? and the rest."
            )
        return url

    def issuer(self, name: str) -> str:
        url = self.url(name)
        if len(url) > _LONGEST_ISSUER:
            raise ConfigurationError(
                f"{name} is longer than {_LONGEST_ISSUER} characters.", "Use a shorter address."
            )
        return url

    def origin(self, name: str) -> str:
        url = self.url(name)
        if urlsplit(url).path:
            raise ConfigurationError(
                f"{name}: {shown(url)} has a path.",
                "Give scheme, host and port only, without a slash at the end.",
            )
        return url

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise ConfigurationError(
                f"{name}: {shown(value)} is not known.",
                f"Use one of: {', '.join(sorted(allowed))}.",
            )
        return value

    def switch(self, name: str) -> bool:
        value = self._values[name]
        if value not in (True, False, "1", "0"):
            raise ConfigurationError(f"{name} is neither on nor off.", "Use 1 or 0.")
        return value in (True, "1")

    def seconds(self, name: str) -> timedelta | None:
        value = self._values[name]
        if value is None or value == "":
            return None
        if isinstance(value, timedelta):
            value = int(value.total_seconds())
        if not re.fullmatch(r"[0-9]{1,8}", str(value), re.ASCII):
            raise ConfigurationError(f"{name}: not a number of seconds.", "Use such as 3600.")
        return timedelta(seconds=int(value))

    def path(self, name: str) -> Path | None:
        return Path(self.text(name)) if self._values[name] else None

    def scope(self, name: str) -> frozenset[str]:
        scope = frozenset(self.text(name).split())
        if "openid" not in scope or not all(_SCOPE.fullmatch(one) for one in scope):
            raise ConfigurationError(
                f"{name} is no list of scopes with openid.", "Use such as: openid profile email."
            )
        return scope

    def target(self, name: str) -> str:
        try:
            return check_return_to(self.text(name))
        except UnsafeReturnToError:
            raise ConfigurationError(
                f"{name} is no path of this site.", "Use such as /notes."
            ) from None

    def cookie_prefix(self, name: str) -> str:
        prefix = self.text(name)
        if _COOKIE_PREFIX.fullmatch(prefix) is None:
            raise ConfigurationError(
                f"{name}: {shown(prefix)} is no cookie name.",
                "Use letters, digits and _, such as tx_.",
            )
        return prefix

    def hosts(self, name: str) -> frozenset[str]:
        value = self._values[name] or ""
        hosts = value.split(",") if isinstance(value, str) else value
        if not isinstance(hosts, Collection) or not all(isinstance(host, str) for host in hosts):
            raise ConfigurationError(f"{name} is no list of hosts.", "Use such as: server1:5001.")
        names = frozenset(host.strip().lower() for host in hosts if host.strip())
        if not all(_HOST.fullmatch(host) for host in names):
            raise ConfigurationError(
                f"{name} holds something that is no host.", "Use such as: server1:5001,server1."
            )
        return names


def _check_spelling(unknown: Iterable[str], known: Iterable[str]) -> None:
    # A name that resembles none of ours belongs to somebody else, such as a container platform.
    for name in sorted(unknown):
        for meant in get_close_matches(name, known, n=1, cutoff=0.85):
            raise ConfigurationError(f"There is no setting {name}.", f"Perhaps {meant} was meant.")


def _client_entries(value: object) -> Iterable[Client | Mapping[str, Any]]:
    """Take clients as objects, as JSON text that begins with ``[``, or from a JSON file."""
    if isinstance(value, str | os.PathLike):
        value = _client_document(value)
    if not isinstance(value, list | tuple):
        raise ConfigurationError("HANDOFF_CLIENTS is no list.", "docs/settings.md shows one.")
    return value


def _client_document(value: str | os.PathLike[str]) -> object:
    try:
        text = os.fspath(value)
        if text.lstrip().startswith("{"):
            return {}  # no list, whatever is in it
        if not text.lstrip().startswith("["):
            check_path("HANDOFF_CLIENTS", text)
            text = Path(text).read_text(encoding="utf-8")
        document: object = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"HANDOFF_CLIENTS cannot be read ({type(error).__name__}).",
            "Give a list as JSON, or the path of a JSON file that holds one.",
        ) from None
    return document
