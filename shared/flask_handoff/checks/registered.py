"""The clients of an issuer, in words, and what is strange about their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from flask_handoff.addresses import is_loopback, origin_of
from flask_handoff.issuer.clients import Client

from .findings import Finding, ok, warning

_DEFAULT_PREFIX = "/sso"  # of a receiver that does not set HANDOFF_URL_PREFIX


def check_clients(issuer: str, clients: Sequence[Client]) -> Iterator[Finding]:
    """Describe each client, so that one can compare it with what the client says of itself."""
    if not clients:
        yield warning(
            "clients",
            "None is registered: nobody can be sent anywhere.",
            "Register one, in HANDOFF_CLIENTS or where the application keeps its clients.",
        )
    for client in clients:
        yield ok(f"client {client.client_id}", _in_words(client))
        yield from _doubts(issuer, client)
    uris = Counter(
        uri
        for client in clients
        for uri in client.redirect_uris
        # An app on its user's machine takes a free port there when it signs in (RFC 8252, 7.3).
        if not (client.native and _is_here(uri))
    )
    for uri, count in uris.items():
        if count > 1:
            yield warning(
                "clients",
                f"{uri} is registered {count} times.",
                "Register each address once, with the client that is there.",
            )


def _in_words(client: Client) -> str:
    if not client.redirect_uris:
        return f"{client.name}: has no redirect URI; it is no place to sign in to."
    uris = [f"{uri}{_path_in_words(client, uri)}" for uri in client.redirect_uris]
    what = " and ".join(sorted(client.response_types))
    how = f" by {' or '.join(sorted(client.response_modes))}" if what != "code" else ""
    return (
        f"{client.name}: {what} goes to {', '.join(uris)}{how}. "
        f"initiate_login_uri: {client.initiate_login_uri or 'none'}. "
        f"backchannel_logout_uri: {client.backchannel_logout_uri or 'none'}."
    )


def _path_in_words(client: Client, uri: str) -> str:
    if not _is_receiver(client):
        return ""
    if urlsplit(uri).path.endswith(f"{_DEFAULT_PREFIX}/callback"):
        return " (the path of a receiver by default)"
    return f" (not {_DEFAULT_PREFIX}/callback, the path of a receiver by default)"


def _is_receiver(client: Client) -> bool:
    """Tell whether it is built with this library, as far as its registration shows it."""
    return client.policy == "handoff" and "id_token" in client.response_types


def _doubts(issuer: str, client: Client) -> Iterator[Finding]:
    subject = f"client {client.client_id}"
    uris = [] if client.native else client.redirect_uris
    for uri in uris:
        if _is_here(uri) and not _is_here(issuer):
            yield warning(
                subject,
                f"{uri} is on the machine of whoever signs in, and this issuer is not.",
                "Register the service's public address, with https; an app on people's machines "
                'is registered with "native": true.',
            )
    begun = client.initiate_login_uri
    if begun and uris and origin_of(begun) not in map(origin_of, uris):
        yield warning(
            subject,
            f"Sign-ins begin at {begun}, which is another host than that of its redirect URIs: the "
            "cookie of the one does not come to the other, and the sign-in is refused.",
            "Register both at the address that browsers know, character by character.",
        )
    elif begun and uris and _is_receiver(client) and not _fit_together(begun, uris):
        yield warning(
            subject,
            f"Sign-ins begin at {begun}, and no redirect URI lies beside it. A receiver of this "
            "library has both below its HANDOFF_URL_PREFIX, as …/login and …/callback.",
            "Compare both with what flask handoff-check says there.",
        )
    if uris and client.backchannel_logout_uri is None and "id_token" in client.response_types:
        example = f"{uris[0].removesuffix('/callback')}/backchannel-logout"
        yield warning(
            subject,
            "It is not told of logouts: who signs out here stays signed in there.",
            f"Register its backchannel_logout_uri, such as {example}, where it has the hook "
            "end_sessions.",
        )


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _fit_together(begun: str, uris: Sequence[str]) -> bool:
    return f"{begun.removesuffix('/login')}/callback" in uris
