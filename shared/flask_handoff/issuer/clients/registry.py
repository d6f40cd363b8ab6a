"""All registered clients, by ``client_id``, wherever an application keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import chain
from typing import Any, Protocol

from flask_handoff.errors import ClientUnknownError, ConfigurationError, KeyUnusableError
from flask_handoff.keys import VerificationKey
from flask_handoff.redaction import shown

from .client import Client

_REQUIRED = frozenset({"client_id", "name", "redirect_uris"})
_TUPLES = frozenset({"redirect_uris", "post_logout_redirect_uris", "secret_hashes"})
_SETS = frozenset({"response_types", "response_modes", "scopes"})
_KEYS = "public_keys"
_LISTS = _TUPLES | _SETS
_SWITCHES = frozenset(
    {
        *("native", "first_party", "service"),
        *("backchannel_logout_allow_http", "allow_token_endpoint_audience"),
    }
)
_OPTIONAL = frozenset(
    {"initiate_login_uri", "resource", "backchannel_logout_uri", "revocation_uri"}
)
_FIELDS = frozenset(field.name for field in fields(Client))


class ClientSource(Protocol):
    """Where an issuer finds its clients; ``ClientRegistry``, or an application's own."""

    def client(self, unverified_client_id: str) -> Client:
        """Return the client of this name.

        Raises:
            ClientUnknownError: There is none, or it is disabled.
        """
        ...

    def __iter__(self) -> Iterator[Client]:
        """Go through all of them, in the order in which pages show them."""
        ...


class ClientRegistry:
    """Clients that never change while the process runs; a ``ClientSource``.

    Args:
        entries: ``Client`` objects, or mappings with the same fields, in the order in which pages
            show them.

    Raises:
        ConfigurationError: A field is missing, unknown or of the wrong form, or two clients share a
            ``client_id``.
    """

    def __init__(self, entries: Iterable[Client | Mapping[str, Any]]) -> None:
        self._clients: dict[str, Client] = {}
        for number, entry in enumerate(entries, start=1):
            place = f"HANDOFF_CLIENTS, entry {number}"
            client = entry if isinstance(entry, Client) else _read_client(entry, place)
            if client.client_id in self._clients:
                raise ConfigurationError(
                    f"HANDOFF_CLIENTS: two clients are called {shown(client.client_id)}.",
                    "Give each a client_id of its own.",
                )
            self._clients[client.client_id] = client

    def client(self, unverified_client_id: str) -> Client:
        """Return the client of this name, see ``ClientSource.client``."""
        try:
            return self._clients[unverified_client_id]
        except KeyError:
            raise ClientUnknownError("no client of this client_id is registered") from None

    def __iter__(self) -> Iterator[Client]:
        """Go through them in the order in which they were given."""
        return iter(self._clients.values())


class CombinedClients:
    """The clients of several sources; a ``ClientSource``. The first that knows a name decides."""

    def __init__(self, *sources: ClientSource) -> None:
        self._sources = sources

    def client(self, unverified_client_id: str) -> Client:
        """Return the client of this name, see ``ClientSource.client``."""
        for source in self._sources[:-1]:
            try:
                return source.client(unverified_client_id)
            except ClientUnknownError:
                continue
        return self._sources[-1].client(unverified_client_id)

    def __iter__(self) -> Iterator[Client]:
        """Go through them, source by source; of two with one name, the first."""
        by_name: dict[str, Client] = {}
        for client in chain(*self._sources):
            by_name.setdefault(client.client_id, client)
        return iter(by_name.values())


def _read_client(entry: Mapping[str, Any], place: str) -> Client:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{place}: it is no object.", "Write one per client.")
    unknown = entry.keys() - _FIELDS
    missing = _REQUIRED - entry.keys()
    if missing:
        raise ConfigurationError(
            f"{place}: {', '.join(sorted(missing))} missing.",
            f"Each client has: {', '.join(sorted(_REQUIRED))}.",
        )
    if unknown:
        raise ConfigurationError(
            f"{place}: there is no field {', '.join(map(shown, sorted(unknown)))}.",
            f"A client may have: {', '.join(sorted(_FIELDS))}.",
        )
    wrong = sorted(name for name, value in entry.items() if not _is_of_its_type(name, value))
    if wrong:
        raise ConfigurationError(
            f"{place}: {', '.join(wrong)} of the wrong type.",
            f"{', '.join(sorted(_LISTS))} are lists of texts, {_KEYS} is a list of JWKs, "
            f"{', '.join(sorted(_SWITCHES))} are true or false, the others are texts.",
        )
    sequences = {name: tuple(entry[name]) for name in _TUPLES & entry.keys()}
    sets = {name: frozenset(entry[name]) for name in _SETS & entry.keys()}
    try:
        keys = {_KEYS: tuple(map(_read_key, entry[_KEYS]))} if _KEYS in entry else {}
        return Client(**{**entry, **sequences, **sets, **keys})
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.problem}", error.remedy) from None


def _read_key(key: Mapping[str, object] | VerificationKey) -> VerificationKey:
    try:
        return key if isinstance(key, VerificationKey) else VerificationKey.from_jwk(key)
    except KeyUnusableError as error:
        raise ConfigurationError(
            f"a key of {_KEYS} cannot be used: {error}.",
            "Give the client's public keys as JWKs: RSA, 2,048 to 4,096 bits, with a kid.",
        ) from error


def _is_of_its_type(field: str, value: object) -> bool:
    if field == _KEYS:
        return isinstance(value, list | tuple) and all(
            isinstance(key, Mapping | VerificationKey) for key in value
        )
    if field in _SWITCHES:
        return isinstance(value, bool)
    if field in _LISTS:
        return isinstance(value, list | tuple | set | frozenset) and all(
            isinstance(item, str) for item in value
        )
    return isinstance(value, str) or (value is None and field in _OPTIONAL)
