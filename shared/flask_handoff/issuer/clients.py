"""Registered receivers: who may be sent a token, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_handoff.addresses import is_plain_address, is_safe_from_others, origin_of
from flask_handoff.errors import ClientUnknownError, ConfigurationError
from flask_handoff.profiles import PROFILES, RESPONSE_MODES
from flask_handoff.redaction import shown
from flask_handoff.settings import check_public_url

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_REQUIRED = frozenset({"client_id", "name", "redirect_uris", "initiate_login_uri"})
_LISTS = frozenset({"redirect_uris", "response_modes"})
_SWITCHES = frozenset({"backchannel_logout_allow_http"})
_FIELDS = _REQUIRED | _LISTS | _SWITCHES | {"policy", "backchannel_logout_uri"}


@dataclass(frozen=True, slots=True)
class Client:
    """One receiver that SERVER1 sends users to.

    Args:
        client_id: Its name on the wire, and the audience of its tokens.
        name: What people call it; shown on pages.
        redirect_uris: The addresses that may receive a token, compared character by character.
        response_modes: ``query``, ``form_post`` or both. ``query`` puts the token into a URL.
        initiate_login_uri: Where a handoff to it begins.
        policy: ``handoff``, or ``oidc`` for receivers whose library knows only ``typ: JWT``.
        backchannel_logout_uri: Where it is notified, server to server, that sessions have ended;
            None if it is not. https, or http on this very machine.
        backchannel_logout_allow_http: Accept http to another machine for that address. An
            attacker on the path can suppress logouts.

    Raises:
        ConfigurationError: A field is not of its form.

    Sources: RFC 6749, section 3.1.2; RFC 9700, section 2.1;
    OpenID Connect Core 1.0, section 4; OpenID Connect Back-Channel Logout 1.0, section 2.2.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    initiate_login_uri: str
    response_modes: frozenset[str] = frozenset({"form_post"})
    policy: str = "handoff"
    backchannel_logout_uri: str | None = None
    backchannel_logout_allow_http: bool = False

    def __post_init__(self) -> None:
        modes, uri = self.response_modes, self.backchannel_logout_uri
        client = f"client {shown(self.client_id)}"
        for field, good, expected in (
            ("client_id", _CLIENT_ID.fullmatch(self.client_id), "1 to 128 of A-Z a-z 0-9 . _ ~ -"),
            ("name", self.name.strip() and self.name.isprintable(), "what people call it"),
            ("redirect_uris", self.redirect_uris, "at least one address"),
            ("response_modes", modes and modes <= RESPONSE_MODES, "query, form_post or both"),
            ("policy", self.policy in PROFILES, "handoff or oidc"),
            (
                "backchannel_logout_uri",
                uri is None
                or (
                    is_plain_address(uri)
                    and (self.backchannel_logout_allow_http or is_safe_from_others(uri))
                ),
                "https://…, without # and user@; http:// only on loopback or, where the network "
                "itself is trusted, with backchannel_logout_allow_http",
            ),
        ):
            if not good:
                raise ConfigurationError(
                    f"HANDOFF_CLIENTS: {field} of {client} is wrong.", f"Give it {expected}."
                )
        for url in (*self.redirect_uris, self.initiate_login_uri):
            check_public_url(url, setting=f"HANDOFF_CLIENTS, {client}")

    @property
    def redirect_origins(self) -> tuple[str, ...]:
        """The origins of its redirect URIs, for ``form-action`` of the sign-in page."""
        return tuple(dict.fromkeys(origin_of(uri) for uri in self.redirect_uris))


class ClientRegistry:
    """All registered receivers, by ``client_id``.

    Args:
        entries: ``Client`` objects, or mappings with the same fields, in the order in which pages
            show them.

    Raises:
        ConfigurationError: A field is missing, unknown or of the wrong form, or two clients share a
            ``client_id``.
    """

    def __init__(self, entries: Iterable[Client | Mapping[str, Any]]) -> None:
        self._clients: dict[str, Client] = {}
        for entry in entries:
            client = entry if isinstance(entry, Client) else _read_client(entry)
            if client.client_id in self._clients:
                raise ConfigurationError(
                    f"HANDOFF_CLIENTS: two clients are called {shown(client.client_id)}.",
                    "Give each a client_id of its own.",
                )
            self._clients[client.client_id] = client

    def client(self, unverified_client_id: str) -> Client:
        """Return the client of this name.

        Raises:
            ClientUnknownError: There is none.
        """
        try:
            return self._clients[unverified_client_id]
        except KeyError:
            raise ClientUnknownError("no client of this client_id is registered") from None

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients.values())


def _read_client(entry: Mapping[str, Any]) -> Client:
    if not isinstance(entry, Mapping):
        raise ConfigurationError("HANDOFF_CLIENTS: an entry is no object.", "Write one per client.")
    unknown = entry.keys() - _FIELDS
    missing = _REQUIRED - entry.keys()
    if unknown or missing:
        raise ConfigurationError(
            f"HANDOFF_CLIENTS: unknown [{', '.join(map(shown, sorted(unknown)))}],"
            f" missing {sorted(missing)}.",
            f"Each client has: {', '.join(sorted(_FIELDS))}.",
        )
    if not all(_is_of_its_type(name, value) for name, value in entry.items()):
        raise ConfigurationError(
            "HANDOFF_CLIENTS: a field is of the wrong type.",
            f"{' and '.join(sorted(_LISTS))} are lists of texts, {' and '.join(_SWITCHES)} is true "
            "or false, the others are texts.",
        )
    fields = dict(entry, redirect_uris=tuple(entry["redirect_uris"]))
    if "response_modes" in entry:
        fields["response_modes"] = frozenset(entry["response_modes"])
    return Client(**fields)


def _is_of_its_type(field: str, value: object) -> bool:
    if field in _SWITCHES:
        return isinstance(value, bool)
    if field in _LISTS:
        return isinstance(value, list | tuple | set | frozenset) and all(
            isinstance(item, str) for item in value
        )
    return isinstance(value, str) or (value is None and field == "backchannel_logout_uri")
