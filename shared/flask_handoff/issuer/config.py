"""The issuer's settings, checked whole."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import check_path
from flask_handoff.setting_reader import SettingReader
from flask_handoff.settings import ISSUER_SETTINGS

from .clients import Client, ClientRegistry

_LONGEST_FILE = 16 * 1024 * 1024  # characters: a device or a pipe may never end


class IssuerConfig:
    """SERVER1's side, checked.

    Args:
        keys_elsewhere: The keys lie in no directory.
        clients_elsewhere: The clients are not, or not all of them, in the settings.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong.
    """

    def __init__(
        self, app: Flask, *, keys_elsewhere: bool = False, clients_elsewhere: bool = False
    ) -> None:
        read = SettingReader(app.config, ISSUER_SETTINGS)
        self.issuer = read.base_url("HANDOFF_ISSUER")
        self._read_prefix(read)
        self.keys_directory = _keys_directory(read, keys_elsewhere=keys_elsewhere)
        default = () if clients_elsewhere else None
        entries = read.value("HANDOFF_CLIENTS", default=default)
        self.clients = ClientRegistry(_client_entries(entries))
        self.ca_file = read.ca_file("HANDOFF_CA_FILE")
        self.internal_hosts = read.hosts("HANDOFF_INTERNAL_HOSTS")

    def _read_prefix(self, read: SettingReader) -> None:
        """Read where the endpoints lie in the application, and where the application itself lies.

        The metadata lies below the issuer's own path, which may end with the prefix.

        Source: OpenID Connect Discovery 1.0, section 4.
        """
        self.url_prefix = read.url_prefix("HANDOFF_URL_PREFIX", default="")
        ends_with_it = urlsplit(self.issuer).path.endswith(self.url_prefix)
        self.well_known_prefix = self.url_prefix if ends_with_it else ""
        self.base_url = self.issuer.removesuffix(self.well_known_prefix)
        self.endpoints_url = f"{self.base_url}{self.url_prefix}"
        self.token_endpoint = f"{self.endpoints_url}/token"
        self.audiences = self.issuer, self.token_endpoint


def _keys_directory(read: SettingReader, *, keys_elsewhere: bool) -> Path | None:
    if not keys_elsewhere:
        return read.path("HANDOFF_KEYS_DIRECTORY") or Path(read.text("HANDOFF_KEYS_DIRECTORY"))
    if read.path("HANDOFF_KEYS_DIRECTORY") is not None:
        raise ConfigurationError(
            "HANDOFF_KEYS_DIRECTORY is set, and this application's keys lie elsewhere.",
            "Take the setting away, or the argument keys of HandoffIssuer.init_app.",
        )
    return None


def _client_entries(value: Any) -> Iterable[Client | Mapping[str, Any]]:
    """Take clients as objects, as JSON text that begins with ``[``, or from a JSON file."""
    try:
        if isinstance(value, str | os.PathLike):
            text = os.fspath(value)
            if not text.lstrip().startswith(("[", "{")):
                check_path("HANDOFF_CLIENTS", text)
                with Path(text).open(encoding="utf-8-sig") as file:
                    text = file.read(_LONGEST_FILE + 1)
                if len(text) > _LONGEST_FILE:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            value = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        why = type(error).__name__
        if isinstance(error, json.JSONDecodeError):
            why = f"no JSON from line {error.lineno}, column {error.colno} on"
        elif isinstance(error, OSError) and error.strerror:
            why = error.strerror
        raise ConfigurationError(
            f"HANDOFF_CLIENTS cannot be read ({why}).",
            "Give a list as JSON, or the path of a JSON file that holds one.",
        ) from None
    if not isinstance(value, list | tuple):
        raise ConfigurationError(
            "HANDOFF_CLIENTS must be a list.",
            "Give for each client an object such as "
            '{"client_id": "notes", "name": "Notes", "redirect_uris": ["https://…/sso/callback"]}.',
        )
    return value


def read_secret_keys(app: Flask) -> list[Any]:
    """Return the keys that *app* signs with, the one in use last.

    Raises:
        ConfigurationError: There is none, or the older ones are no list of keys.
    """
    if not app.secret_key:
        raise ConfigurationError(
            "SECRET_KEY is not set.", "Make a random one and keep it: secrets.token_urlsafe(32)."
        )
    older = app.config.get("SECRET_KEY_FALLBACKS") or ()
    if isinstance(older, str | bytes) or not all(older):
        # Of a text, each character would be a key: whoever tries them all signs as this server.
        raise ConfigurationError(
            "SECRET_KEY_FALLBACKS is not a list of keys, or one of them is empty.",
            "Give a list; in the environment as JSON: FLASK_SECRET_KEY_FALLBACKS='[\"…\"]'.",
        )
    return [*older, app.secret_key]
