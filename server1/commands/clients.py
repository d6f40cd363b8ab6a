"""The command line: who may sign users in with this server, as ``flask --app server1 clients``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from flask.cli import AppGroup

from flask_handoff import Client
from flask_handoff.issuer.clients.audiences import plain_resource
from flask_service.commands import command_line
from flask_service.commands.command_line import echo_table, to_the_minute
from flask_service.database import database
from server1.accounts import client_revocation
from server1.clients.registration import (
    ClientRefusedError,
    add_client,
    new_client_id,
    rotate_secret,
    set_disabled,
    signing_kind,
)
from server1.clients.registry import (
    KINDS,
    Registration,
    disabled_client,
    kind_of,
    registrations,
)
from server1.config import config
from server1.handoff import handoff

from . import effects
from .service_keys import (
    add_service,
    audience_option,
    grant_service,
    key_options,
    receiver_key,
    rotate_client_key,
    scopes_option,
)

clients_group = AppGroup("clients", help="Register the software that users sign in to.")

plain_refusals = partial(command_line.plain_refusals, ClientRefusedError)

_AUTHENTICATION = {
    "web": "client_secret_basic or client_secret_post",
    "native": "none, with PKCE (S256)",
    "browser": "none, with PKCE (S256)",
    "receiver": "none: it gets no code",
    "service": "private_key_jwt",
}


@clients_group.command("add")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    help="web: runs on a server and keeps a secret. native: an app, or a program at a terminal. "
    "browser: a script in a page. receiver: built with flask-handoff. service: see --service.",
)
@click.option(
    "--service", is_flag=True, help="It acts for itself, without users, and signs with its own key."
)
@key_options
@audience_option
@click.option(
    "--redirect-uri", "redirect_uris", multiple=True, help="Where answers go; may be repeated."
)
@click.option("--first-party", is_flag=True, help="It is ours: users are not asked for consent.")
@click.option("--initiate-login-uri", help="Where a sign-in to it begins; shown on the home page.")
@click.option("--backchannel-logout-uri", help="Where it is notified of logouts.")
@click.option("--revocation-uri", help="Where its API is notified of tokens that are dead.")
@click.option(
    "--post-logout-redirect-uri",
    "post_logout_redirect_uris",
    multiple=True,
    help="Where it may have users sent whom it signs out here; may be repeated.",
)
@click.option("--resource", help="The base URL of its API, the audience of access tokens.")
@scopes_option(help="What its API knows, or what a service may do; may be repeated.")
@click.option("--client-id", help="Its name on the wire.  [default: a random one]")
@plain_refusals()
def add(
    name: str,
    kind: str | None,
    service: bool,
    public_key: Path | None,
    key_file: Path | None,
    token_endpoint_audience: bool,
    redirect_uris: tuple[str, ...],
    first_party: bool,
    initiate_login_uri: str | None,
    backchannel_logout_uri: str | None,
    revocation_uri: str | None,
    post_logout_redirect_uris: tuple[str, ...],
    resource: str | None,
    scopes: tuple[str, ...],
    client_id: str | None,
) -> None:
    """Register a client, and print what to configure there.

    NAME is what people call it. A secret is printed this once. A private key is written to a file,
    this once: a service's, or that of a receiver which introspects tokens for its API.
    """
    has_keys = bool(public_key or key_file)
    kind = _kind_given(kind, service=service, has_keys=has_keys)
    if token_endpoint_audience and not (has_keys or kind == "service"):
        raise click.UsageError("--allow-token-endpoint-audience is for those that sign with a key.")
    if resource is not None and plain_resource(resource) == config().issuer:
        raise click.UsageError("This server itself has that address; give --resource the API's.")
    client_id = new_client_id() if client_id is None else client_id
    if kind == "service":
        addresses = (initiate_login_uri, backchannel_logout_uri, revocation_uri, resource)
        if first_party or any((*redirect_uris, *post_logout_redirect_uris, *addresses)):
            raise click.UsageError("A service has no address and no users: give it --scope alone.")
        add_service(
            *(name, client_id, frozenset(scopes), public_key, key_file),
            token_endpoint_audience=token_endpoint_audience,
        )
        return
    with receiver_key(client_id, public_key, key_file) as (keys, told):
        client = Client(
            client_id=client_id,
            name=name,
            redirect_uris=tuple(dict.fromkeys(redirect_uris)),
            first_party=first_party,
            initiate_login_uri=initiate_login_uri,
            backchannel_logout_uri=backchannel_logout_uri,
            revocation_uri=revocation_uri,
            post_logout_redirect_uris=tuple(dict.fromkeys(post_logout_redirect_uris)),
            resource=resource,
            scopes=frozenset(scopes),
            public_keys=tuple(keys),
            allow_token_endpoint_audience=token_endpoint_audience,
            **KINDS[kind],
        )
        with database().writing() as connection:
            secret = add_client(connection, client, kind, others=handoff.clients())
    _say_what_to_configure(client, kind, secret)
    if told is not None:
        click.echo(told)


def _say_what_to_configure(client: Client, kind: str, secret: str | None) -> None:
    click.echo(f"Registered {client.name}. Configure there:")
    authentication = _AUTHENTICATION["service" if client.public_keys else kind]
    issuer = config().issuer
    facts = [
        ("client_id", client.client_id),
        ("client_secret", secret),
        ("issuer", issuer),
        ("discovery URL", f"{issuer}/.well-known/openid-configuration"),
        *(("redirect URI", uri) for uri in client.redirect_uris),
        *(("after logout", uri) for uri in client.post_logout_redirect_uris),
        ("authentication", authentication),
        *(("key ID (kid)", key.kid) for key in client.public_keys),
        ("response type", " ".join(sorted(client.response_types))),
    ]
    for label, value in facts:
        if value is not None:
            click.echo(f"  {label:<15} {value}")
    if secret is not None:
        click.echo("The secret is not shown again: only its hash is kept here.")


@clients_group.command("list")
@plain_refusals()
def list_clients() -> None:
    """List all clients, those of HANDOFF_CLIENTS first."""
    with database().reading() as connection:
        found = registrations(connection)
    known = handoff.clients()
    active = {each.client.client_id: each.client for each in found if not each.disabled}
    settings = [client for client in known if active.get(client.client_id) != client]
    overridden = {client.client_id for client in settings}
    echo_table(
        ("CLIENT", "NAME", "KIND", "STATE", "SECRET", "REGISTERED", "REDIRECT URIS"),
        [
            *(_cells(client, kind_of(client), "enabled", "HANDOFF_CLIENTS") for client in settings),
            *(_registered(each, overridden) for each in found),
        ],
    )


@clients_group.command("rotate")
@click.argument("client_id")
@click.option("--at-once", is_flag=True, help="Revoke the former one now, not in 24 hours.")
@key_options
@plain_refusals()
def rotate(client_id: str, at_once: bool, public_key: Path | None, key_file: Path | None) -> None:
    """Give a client a new secret, and print it this once; or a new key, where it signs.

    The former secret or key works for 24 hours more, and any older one no longer.
    """
    with database().reading() as connection:
        kind = signing_kind(connection, client_id)
    if kind or public_key or key_file:
        rotate_client_key(client_id, kind or "service", public_key, key_file, at_once=at_once)
        return
    with database().writing() as connection:
        secret, until = rotate_secret(connection, client_id, at_once=at_once)
    click.echo(f"client_secret: {secret}")
    if until is None:
        click.echo("Former secrets no longer work. This one is not shown again.")
        return
    click.echo(
        f"The former secret works until {to_the_minute(until)}, older ones no longer."
        " This one is not shown again."
    )


@clients_group.command("grant")
@click.argument("client_id")
@scopes_option(help="What it may do; may be repeated.")
@plain_refusals()
def grant(client_id: str, scopes: tuple[str, ...]) -> None:
    """Set what a service may do for itself, in place of what it might until now."""
    grant_service(client_id, frozenset(scopes))


@clients_group.command("disable")
@click.argument("client_id")
@plain_refusals()
def disable(client_id: str) -> None:
    """Disable a client: nobody can sign in to it.

    What it was given ends for good: sessions there, codes, access and refresh tokens.
    """
    with database().writing() as connection:
        name = set_disabled(connection, client_id, True)
        sessions, accounts, since = client_revocation.end_all_at_client(connection, client_id)
    click.echo(f"Disabled {name}, and ended its {effects.access_to(accounts)}.")
    click.echo(effects.sessions_end(disabled_client(client_id), client_id, sessions))
    click.echo(effects.tokens_dead(since))


@clients_group.command("enable")
@click.argument("client_id")
@plain_refusals()
def enable(client_id: str) -> None:
    """Enable a disabled client again."""
    with database().writing() as connection:
        name = set_disabled(connection, client_id, False)
    click.echo(f"Enabled {name}.")


def _registered(each: Registration, overridden: set[str]) -> Sequence[str]:
    state = "disabled" if each.disabled else "enabled"
    if each.client.client_id in overridden:
        state = "overridden"  # by an entry of HANDOFF_CLIENTS
    return _cells(
        each.client,
        each.kind,
        state,
        to_the_minute(each.created_at),
        f"scope {' '.join(sorted(each.granted_scope))}" if each.granted_scope else "",
        None if each.previous_until is None else to_the_minute(each.previous_until),
    )


def _cells(
    client: Client,
    kind: str,
    state: str,
    registered: str,
    may: str = "",
    previous_until: str | None = None,
) -> Sequence[str]:
    party = f"{kind}, first-party" if client.first_party else kind
    held = client.secret_hashes or client.public_keys
    secrets = ("none", "one", "two")[min(len(held), 2)]
    if previous_until is not None:
        secrets = f"two until {previous_until}"
    if client.public_keys:
        secrets = secrets.replace("one", "key").replace("two", "two keys")
    if client.allow_token_endpoint_audience:
        secrets += ", aud /token"
    uris = may or " ".join(client.redirect_uris) or "-"
    return (client.client_id, client.name, party, state, secrets, registered, uris)


def _kind_given(kind: str | None, *, service: bool, has_keys: bool) -> str:
    if service and kind not in (None, "service"):
        raise click.UsageError("Give --kind or --service, not both.")
    kind = "service" if service else kind
    if kind is None:
        raise click.UsageError("Give --kind, or --service.")
    if has_keys and kind not in ("service", "receiver"):
        raise click.UsageError("--public-key and --key-file are for a --service or a receiver.")
    return kind
