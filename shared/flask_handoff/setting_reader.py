"""``HANDOFF_…`` settings: read once, checked whole. A wrong one refuses to start.

Each setting is taken from ``app.config``, else from the environment. A ``HANDOFF_…`` name that is
nearly one of ours is refused as well: a misspelt setting must not leave a default in force.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .addresses import is_plain_address, is_safe_from_others
from .ca_file import check_ca_file
from .errors import ConfigurationError, UnsafeReturnToError
from .profiles import SCOPE_VALUE
from .redaction import check_settings, shown
from .return_to import check_return_to
from .settings import API_SETTINGS, ISSUER_SETTINGS, RECEIVER_SETTINGS

_LONGEST_LEEWAY = timedelta(seconds=60)
_EXAMPLES = {
    "HANDOFF_ISSUER": "Give the address of the server where people sign in, such as "
    "https://accounts.example.com.",
    "HANDOFF_BASE_URL": "Give the address of this service, such as https://notes.example.com.",
    "HANDOFF_CLIENT_ID": "Give the name of this service at the issuer, such as notes.",
    "HANDOFF_KEYS_DIRECTORY": "Give the directory that flask handoff-keys new --directory made.",
    "HANDOFF_CLIENTS": "Give a list of clients, or the path of a JSON file that holds one.",
    "HANDOFF_SERVICE_KEY_FILE": "Give the path of the service's key file.",
}
_LONGEST_ISSUER = 255  # characters; replay stores keep it beside each token
LONGEST_URL = 1024  # characters
_COOKIE_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)
_HOST = re.compile(
    r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?", re.ASCII
)
# What routes, proxies and browsers all read alike.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*", re.ASCII)


class SettingReader:
    """Reads one side's settings, each by the form it must have.

    Args:
        app_config: The application's configuration; it goes before the environment.
        defaults: The side's settings; None stands for one that has to be given.

    Raises:
        ConfigurationError: From here and from each method: one is missing, unknown or wrong.
    """

    def __init__(self, app_config: Mapping[str, Any], defaults: Mapping[str, str | None]) -> None:
        known = ISSUER_SETTINGS.keys() | RECEIVER_SETTINGS.keys() | API_SETTINGS.keys()
        # Container platforms hand on a variable that is not set as an empty one.
        environment = {name: value for name, value in os.environ.items() if value}
        given: dict[str, Any] = {
            name: value
            for source in (environment, app_config)
            for name, value in source.items()
            if name.startswith("HANDOFF_")
        }
        # A name that resembles none of ours is of something else, such as a container platform.
        for name in sorted(given.keys() - known):
            for meant in get_close_matches(name, known, n=1, cutoff=0.85):
                raise ConfigurationError(
                    f"There is no setting {name}.", f"Perhaps {meant} was meant."
                )
        check_settings({name: value for name, value in given.items() if name in known})
        self._values = {**defaults, **given}

    def value(self, name: str, *, default: Any = None) -> Any:
        """Return a value that has to be given where there is no default, whatever it is."""
        value = self._values[name]
        if value is None or value == "":
            if default is not None:
                return default
            raise ConfigurationError(f"{name} is not set.", _EXAMPLES.get(name, "Give it a value."))
        return value

    def text(self, name: str, *, default: str | None = None) -> str:
        """Read one line of text."""
        if default is not None and not self._values[name]:
            return default
        value = self.value(name)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or not value.isprintable():
            raise ConfigurationError(
                f"{name} is not one line of text.", _EXAMPLES.get(name, "Give it one line.")
            )
        return value

    def url(self, name: str, *, default: str | None = None) -> str:
        """Read an address that a browser may be sent to, without a query."""
        url = check_public_url(self.text(name, default=default), setting=name)
        if "?" in url:
            raise ConfigurationError(
                f"{name}: {shown(url)} has a query.", "Leave out the ? and the rest."
            )
        return url

    def issuer(self, name: str) -> str:
        """Read an issuer's address, short enough for replay stores."""
        url = self.url(name)
        if len(url) > _LONGEST_ISSUER:
            raise ConfigurationError(
                f"{name} is longer than {_LONGEST_ISSUER} characters.", "Use a shorter address."
            )
        return url

    def base_url(self, name: str) -> str:
        """Read the address of an application of ours: scheme, host, port, and perhaps a path."""
        url = self.issuer(name)
        if _PATH.fullmatch(urlsplit(url).path) is None:
            raise ConfigurationError(
                f"{name}: {shown(url)} has a path that is not plain, or a slash at the end.",
                "Give the address of the application, such as https://example.com/notes.",
            )
        return url

    def url_prefix(self, name: str, *, default: str) -> str:
        """Read the path below which endpoints lie; a single slash for none, which is empty."""
        prefix = self.text(name, default=default).removesuffix("/")
        if _PATH.fullmatch(prefix) is None:
            raise ConfigurationError(
                f"{name}: {shown(prefix)} is not a plain path.",
                "Begin it with a slash, such as /sso; / alone stands for no prefix.",
            )
        return prefix

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        """Read one of the allowed words."""
        value = self.text(name)
        if value not in allowed:
            raise ConfigurationError(
                f"{name}: {shown(value)} is not known.",
                f"Use one of: {', '.join(sorted(allowed))}.",
            )
        return value

    def switch(self, name: str) -> bool:
        """Read 1 or 0."""
        value = self._values[name]
        if value not in (True, False, "1", "0"):
            raise ConfigurationError(f"{name} is neither on nor off.", "Use 1 or 0.")
        return value in (True, "1")

    def seconds(self, name: str) -> timedelta | None:
        """Read a number of seconds; None where nothing is given."""
        value = self._values[name]
        if value is None or value == "":
            return None
        if isinstance(value, timedelta):
            value = int(value.total_seconds())
        if not re.fullmatch(r"[0-9]{1,8}", str(value), re.ASCII):
            raise ConfigurationError(f"{name}: not a number of seconds.", "For example: 60.")
        return timedelta(seconds=int(value))

    def leeway(self, name: str) -> timedelta:
        """Read by how much two clocks may differ."""
        leeway = self.seconds(name)
        if leeway is None or leeway > _LONGEST_LEEWAY:
            raise ConfigurationError(
                f"{name} must be a number of seconds, 60 at most.", "For example: 5."
            )
        return leeway

    def path(self, name: str) -> Path | None:
        """Read a path; None where nothing is given."""
        value = self._values[name]
        if not value:
            return None
        # check_settings knows its form: a directory may have a name in any script.
        return Path(value if isinstance(value, str | os.PathLike) else self.text(name))

    def ca_file(self, name: str) -> Path | None:
        """Read the path of the authorities to trust over TLS; None for the public ones."""
        path = self.path(name)
        if path is not None:
            check_ca_file(path, setting=name)
        return path

    def scope(self, name: str) -> frozenset[str]:
        """Read scopes, ``openid`` among them."""
        scope = self.scopes(name)
        if "openid" not in scope:
            raise ConfigurationError(
                f"{name} must be a list of scopes that contains openid.",
                "For example: openid profile email.",
            )
        return scope

    def scopes(self, name: str) -> frozenset[str]:
        """Read scopes, perhaps none."""
        scope = frozenset(self.text(name, default="").split())
        if not all(map(SCOPE_VALUE.fullmatch, scope)):
            raise ConfigurationError(f"{name} must be a list of scopes.", "For example: openid.")
        return scope

    def target(self, name: str) -> str:
        """Read a path of this site."""
        try:
            return check_return_to(self.text(name))
        except UnsafeReturnToError:
            raise ConfigurationError(
                f"{name} must be a path of this site.", "For example: /notes."
            ) from None

    def cookie_prefix(self, name: str) -> str:
        """Read what the names of cookies may begin with."""
        prefix = self.text(name)
        if _COOKIE_PREFIX.fullmatch(prefix) is None:
            raise ConfigurationError(
                f"{name}: {shown(prefix)} is not a cookie name.",
                "Use letters, digits and _, such as tx_.",
            )
        return prefix

    def hosts(self, name: str) -> frozenset[str]:
        """Read hosts, with or without a port, in lower case."""
        value = self._values[name] or ""
        hosts = value.split(",") if isinstance(value, str) else value
        if not isinstance(hosts, Collection) or not all(isinstance(host, str) for host in hosts):
            raise ConfigurationError(
                f"{name} must be a list of hosts.", "For example: server1:5001."
            )
        names = frozenset(host.strip().lower() for host in hosts if host.strip())
        if not all(_HOST.fullmatch(host) for host in names):
            raise ConfigurationError(
                f"{name} contains a value that is not a host.", "For example: server1:5001,server1."
            )
        return names


def check_public_url(url: str, *, setting: str) -> str:
    """Return *url* if a browser may safely be sent there: https, or http on loopback.

    Raises:
        ConfigurationError: Another scheme, no host, user information, a fragment, or http
            towards another machine.
    """
    remedy = "Use https://…, or http:// on localhost, 127.0.0.1 or [::1], without # and user@."
    if len(url) > LONGEST_URL or not is_plain_address(url):
        # It is not shown: it may be anything, such as a password.
        raise ConfigurationError(f"{setting}: not a plain URL.", remedy)
    if not is_safe_from_others(url):
        raise ConfigurationError(f"{setting}: {shown(url)} may not be used.", remedy)
    return url
