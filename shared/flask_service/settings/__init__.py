"""Settings: read once from the environment and ``.env``, each by the form that it must have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from flask_handoff import ConfigurationError, check_public_url, check_settings, is_loopback, shown
from flask_service.human_text import is_one_line, trimmed

from .file import read_settings_file
from .values import Lab as Lab
from .values import Serving as Serving

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

_Parsed = TypeVar("_Parsed")
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_LOCAL_URL = re.compile(r"http://(?P<host>[a-z0-9.-]+|\[::1\])(?::[0-9]{1,5})?", re.ASCII)
_DATABASE = re.compile(
    r"(mariadb|mssql|mysql|oracle|postgresql|sqlite)(\+[a-z0-9_]{1,12})?", re.ASCII
)
# What a database's host may be called; one with an @ in it is the end of a password.
_HOST = re.compile(r"[A-Za-z0-9._:%-]*", re.ASCII)


class SettingReader:
    """Reads the settings of one server.

    Blanks around a value do not count, and an empty value is taken for none.

    Args:
        prefix: What the names of the server's own settings begin with, without the underscore.
        defaults: All of them, and their defaults.
        base_url: The setting under which browsers know the server; empty where that is fixed, and
            on this machine.
        others: Further settings that are read, such as the library's.
        environment: Names and values; None for the process's environment over ``.env``.

    Raises:
        ConfigurationError: A name is misspelt, a setting holds a key, or ``.env`` has a line that
            is not understood.
    """

    def __init__(
        self,
        prefix: str,
        defaults: Mapping[str, str],
        *,
        base_url: str = "",
        others: Collection[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._prefix = prefix
        self._defaults = defaults
        self._base_url = base_url
        ours = {*defaults, *others}
        if environment is None:
            file = read_settings_file()
            library = ("HANDOFF_",) if any(each.startswith("HANDOFF_") for each in others) else ()
            file.check_spelling(ours, (f"{prefix}_", *library))
            environment = file.under_environment()
        self._unstripped = environment
        self._given = {name: trimmed(text) for name, text in self._unstripped.items()}
        self._check_spelling()
        check_settings({name: text for name, text in self._unstripped.items() if name in ours})

    def given(self, beginning: str = "") -> dict[str, str]:
        """Return all settings that were given, and whose names begin so."""
        return {
            name: text for name, text in self._given.items() if text and name.startswith(beginning)
        }

    def text(self, name: str) -> str:
        """Read one line of text."""
        return self._printable(name, self._given.get(name) or self._defaults[name])

    def secret(self, name: str) -> str:
        """Read one line of text as it stands, with the blanks around it."""
        return self._printable(name, self._unstripped.get(name) or self._defaults.get(name, ""))

    def number(self, name: str, least: int, most: int, default: str = "") -> int:
        """Read a whole number; *default* is that of a setting that has another one each time."""
        default = default or self._defaults[name]
        text = self._printable(name, self._given.get(name) or default)
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ConfigurationError(
                f"{name}: {shown(text)} is not a number from {least} to {most}.",
                f"The default is {default or 'none'}.",
            )
        return int(text)

    def port(self, name: str, default: int) -> int:
        """Read a port, which may be another server's."""
        return self.number(name, 1, 65535, str(default))

    def switch(self, name: str) -> bool:
        """Read what is on or off."""
        text = self.text(name)
        if text.lower() not in ON + OFF:
            raise ConfigurationError(f"{name}: {shown(text)} is neither on nor off.", "Use 1 or 0.")
        return text.lower() in ON

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Read one of several words."""
        text = self.text(name)
        if text not in choices:
            raise ConfigurationError(
                f"{name}: {shown(text)} is not known.", f"Use one of {', '.join(choices)}."
            )
        return text

    def base_url(self, default: str) -> str:
        """Read scheme, host and port under which browsers know the server."""
        name = self._base_url
        url = check_public_url(self._given.get(name) or default, setting=name)
        if urlsplit(url).path:
            raise ConfigurationError(
                f"{name}: {shown(url)} has a path.",
                "Give scheme, host and port only, without a slash at the end.",
            )
        return url

    def database_url(self, default: Path) -> URL:
        """Read where the database is: SQLite (by default the file *default*) or PostgreSQL.

        Raises:
            ConfigurationError: It is no such URL. What was given is not repeated: it may hold a
                password.
        """
        name = f"{self._prefix}_DATABASE_URL"
        text = self.text(name)
        if not text:
            return URL.create("sqlite", database=str(default))
        remedy = "Use for example sqlite:///path/of/a/file or postgresql://user@host/database."
        url = _parsed(make_url, text)
        if url is None or not _HOST.fullmatch(url.host or ""):
            raise ConfigurationError(
                f"{name} is not a URL.",
                f"{remedy} In a password write @ : / ? # and % as %40 %3A %2F %3F %23 and %25.",
            )
        if url.drivername not in DRIVERS:
            # What stands before :// may be the beginning of a password.
            known = _DATABASE.fullmatch(url.drivername)
            what = repr(url.drivername) if known else "this kind of database"
            raise ConfigurationError(f"{name}: {what} is not supported.", remedy)
        if not url.database or url.database == ":memory:":
            raise ConfigurationError(f"{name} names no database.", remedy)
        if url.drivername == "sqlite" and url.query:
            # Such as ?mode=ro: this server writes, and each of its processes into the same file.
            raise ConfigurationError(f"{name}: a SQLite file takes no options after a ?.", remedy)
        return url.set(drivername=DRIVERS[url.drivername])

    def database_pool(self, url: URL) -> int:
        """Read how many connections to the database one process opens at most."""
        # PostgreSQL allows 100 by itself; a SQLite file any number, one for each thread.
        default = "96" if url.get_backend_name() == "sqlite" else "20"
        return self.number(f"{self._prefix}_DATABASE_POOL", 1, 96, default)

    def serving(self, base_url: str, port: int) -> Serving:
        """Read where the server listens, and how much it does at once.

        By default at the port of *base_url*, where that is on this machine, else *port*.
        """
        address = urlsplit(base_url)
        if is_loopback(address.hostname or ""):
            port = address.port or port
        return Serving(
            bind=self.bind(),
            port=self.port(f"{self._prefix}_PORT", port),
            workers=self.number(f"{self._prefix}_WORKERS", 1, 64),
            threads=self.number(f"{self._prefix}_THREADS", 1, 64),
            connections=self.number(f"{self._prefix}_CONNECTIONS", 1, 65536),
            trusted_proxies=self.number(f"{self._prefix}_TRUSTED_PROXIES", 0, 10),
            published_on_loopback=self.switch(f"{self._prefix}_PUBLISHED_ON_LOOPBACK"),
        )

    def bind(self) -> str:
        """Read the IP address that the server listens on."""
        name = f"{self._prefix}_BIND"
        bind = self.text(name)
        if _parsed(ipaddress.ip_address, bind) is None:
            raise ConfigurationError(
                f"{name}: {shown(bind)} is not an IP address.",
                "Use for example 127.0.0.1, or 0.0.0.0 in a container.",
            )
        return bind

    def reached_from_elsewhere(self, base_url: str, serving: Serving) -> str:
        """Say what lets other machines reach this server; empty where nothing does.

        A Host is forged with ease, so the address that is bound counts as much as the base URL.
        """
        if self._base_url and not is_loopback(urlsplit(base_url).hostname or ""):
            return f"{self._base_url} is not on this machine"
        if not is_loopback(serving.bind) and not serving.published_on_loopback:
            return f"{self._prefix}_BIND is {serving.bind}, where other machines reach the server"
        return ""

    def demo(self, elsewhere: str) -> bool:
        """Read whether this is the demo; refuse it where ``reached_from_elsewhere`` says how."""
        name = f"{self._prefix}_DEMO"
        demo = self.switch(name)
        if demo and elsewhere:
            raise ConfigurationError(
                f"{name} is on, and {elsewhere}.", f"Remove {name}, or {self.keep_on_loopback}."
            )
        return demo

    def lab(self, serving: Serving, *, demo: bool) -> Lab | None:
        """Read where the demo's lab is, which is told of every request; None where there is none.

        Raises:
            ConfigurationError: It is not on this machine, or this is not the demo.
        """
        url, address = f"{self._prefix}_LAB_URL", f"{self._prefix}_LAB_ADDRESS"
        if not self.text(url) and not self.text(address):
            return None
        if not demo:
            raise ConfigurationError(
                f"{url} or {address} is set, and this is not the demo.",
                "Remove both: what a server does is told to nobody.",
            )
        lab_url = self.local_url(url)
        port = urlsplit(lab_url).port or 80
        here, in_container = f"http://127.0.0.1:{port}", serving.published_on_loopback
        return Lab(lab_url, self.local_url(address, here, any_host=in_container))

    def local_url(self, name: str, default: str = "", *, any_host: bool = False) -> str:
        """Read scheme, host and port of another server of the demo, which is on this machine.

        Args:
            name: The setting.
            default: In place of its usual one.
            any_host: Whether it may have another name, as between containers.
        """
        text = self.text(name) or default
        form = _LOCAL_URL.fullmatch(text)
        host = form["host"].strip("[]") if form else ""
        if not host or not (any_host or host.endswith(".localhost") or is_loopback(host)):
            raise ConfigurationError(
                f"{name}: {shown(text)} is no address of this machine.",
                "Use for example http://127.0.0.1:5003, without a path.",
            )
        return text

    @property
    def keep_on_loopback(self) -> str:
        """What to do so that no other machine reaches the server, as a part of a remedy."""
        base_url = f"{self._base_url} to an address of this machine and " if self._base_url else ""
        return (
            f"set {base_url}{self._prefix}_BIND to 127.0.0.1; in a container whose port is"
            f" published on loopback only, set {self._prefix}_PUBLISHED_ON_LOOPBACK=1"
        )

    def _printable(self, name: str, text: str) -> str:
        if not is_one_line(text):
            raise ConfigurationError(
                f"{name} is not one line of text.", "docs/settings.md says what it holds."
            )
        return text

    def _check_spelling(self) -> None:
        # A name that resembles none of ours belongs to somebody else, such as a container platform.
        own = {name for name in self._given if name.startswith(f"{self._prefix}_")}
        for name in sorted(own - self._defaults.keys()):
            for meant in get_close_matches(name, self._defaults, n=1, cutoff=0.85):
                raise ConfigurationError(
                    f"There is no setting {name}.", f"Perhaps {meant} was meant."
                )


def _parsed(parse: Callable[[str], _Parsed], text: str) -> _Parsed | None:
    # None in place of an error: the error quotes what it stumbled over, such as a password.
    try:
        return parse(text)
    except (ArgumentError, ValueError):
        return None
