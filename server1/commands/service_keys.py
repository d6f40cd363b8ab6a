"""Clients at the command line that sign with a key of their own, of which SERVER1 keeps half."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from flask_handoff import Client, shown
from flask_handoff.errors import KeyUnusableError
from flask_handoff.keys import SigningKey, VerificationKey, new_private_file, read_public_key
from flask_handoff.profiles import OPENID_SCOPES
from flask_service.commands.command_line import to_the_minute
from flask_service.database import database
from server1.accounts import users
from server1.accounts.valid_after import cut_client
from server1.clients.registration import (
    ClientRefusedError,
    add_client,
    rotate_key,
    set_granted_scope,
)
from server1.clients.registry import KINDS, granted_scope
from server1.config import config
from server1.handoff import handoff

from . import effects

KEY_BITS = 2048

_Command = TypeVar("_Command", bound=Callable[..., Any])


audience_option = click.option(
    "--allow-token-endpoint-audience",
    "token_endpoint_audience",
    is_flag=True,
    help="Its library names the address of /token as the audience of what it signs, and no other.",
)


def _words(_context: object, _option: object, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.split())


# Several words in one value as well, as a request for a token writes them.
scopes_option = partial(click.option, "--scope", "scopes", multiple=True, callback=_words)


def key_options(command: _Command) -> _Command:
    """Add the options about the key that a client signs with."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--key-file",
            type=file,
            help="Where the new private key of a service, or of a receiver, is written, in JSON, "
            "mode 0600.  [default for a service: CLIENT_ID.json]",
        ),
        click.option(
            "--public-key",
            type=file,
            help="Its own public key (PEM or JWK); then no key is made here.",
        ),
    ):
        command = option(command)
    return command


def add_service(
    name: str,
    client_id: str,
    scope: frozenset[str],
    public_key: Path | None,
    key_file: Path | None,
    *,
    token_endpoint_audience: bool,
) -> None:
    """Register a service, and write its key file, unless it has brought its own public key.

    Raises:
        ClientRefusedError: It cannot be registered like this.
        ConfigurationError: The file is there already, or cannot be written.
    """
    _check_scope(scope)
    with _key(client_id, "service", public_key, key_file) as (key, told):
        client = Client(
            *(client_id, name, ()),
            public_keys=(key,),
            allow_token_endpoint_audience=token_endpoint_audience,
            **KINDS["service"],
        )
        with database().writing() as connection:
            _check_is_no_subject(connection, client_id)
            add_client(connection, client, "service", others=handoff.clients(), granted_scope=scope)
    click.echo(f"Registered {name}. {told}")
    for label, value in (
        ("client_id", client_id),
        ("issuer", config().issuer),
        ("token endpoint", handoff.token_endpoint),
        ("authentication", "private_key_jwt, RS256"),
        ("key ID (kid)", key.kid),
        ("audience (aud)", handoff.token_endpoint if token_endpoint_audience else config().issuer),
        ("scope", " ".join(sorted(scope))),
    ):
        click.echo(f"  {label:<15} {value}")


@contextmanager
def receiver_key(
    client_id: str, public_key: Path | None, key_file: Path | None
) -> Iterator[tuple[Sequence[VerificationKey], str | None]]:
    """Read or make the key of a receiver, where one is asked for, and what to say about it.

    It introspects tokens for its resource with it.

    Raises:
        ClientRefusedError: The key cannot be used.
        ConfigurationError: The file is there already, or cannot be written.
    """
    if public_key is None and key_file is None:
        yield (), None
        return
    with _key(client_id, "receiver", public_key, key_file) as (key, told):
        yield (key,), told


def grant_service(client_id: str, scope: frozenset[str]) -> None:
    """Set what a service may do from now on.

    Raises:
        ClientRefusedError: There is no such service, or no API that knows the scope.
    """
    _check_scope(scope)
    with database().writing() as connection:
        before = granted_scope(connection, client_id)
        name = set_granted_scope(connection, client_id, scope, others=handoff.clients())
        now = effects.now()
        if before - scope:
            cut_client(connection, client_id)
    click.echo(f"{name} may: {' '.join(sorted(scope))}.")
    if before - scope:
        click.echo(effects.tokens_dead(now))


def rotate_client_key(
    client_id: str, kind: str, public_key: Path | None, key_file: Path | None, *, at_once: bool
) -> None:
    """Give a client another key beside the former one.

    Raises:
        ClientRefusedError: There is no such client with a key, or it has that one already.
        ConfigurationError: The file is there already, or cannot be written.
    """
    with (
        _key(client_id, kind, public_key, key_file) as (key, told),
        database().writing() as connection,
    ):
        until = rotate_key(connection, client_id, key, at_once=at_once)
    former = "is revoked" if until is None else f"works until {to_the_minute(until)}"
    click.echo(f"New key {key.kid}. {told}")
    click.echo(f"The former key {former}.")


@contextmanager
def _key(
    client_id: str, kind: str, public_key: Path | None, key_file: Path | None
) -> Iterator[tuple[VerificationKey, str]]:
    """Read or make a key, and what to say about it; its file goes where what follows fails."""
    if public_key is not None:
        if key_file is not None:
            raise click.UsageError("Give --public-key or --key-file, not both.")
        yield _read(public_key), "Its private key is where it was."
        return
    made, path = SigningKey.generate(KEY_BITS), key_file or Path(f"{client_id}.json")
    with new_private_file(path, _document(client_id, kind, made)):
        yield made.verification_key, f"Its private key is in {shown(path)}, and nowhere else."


def _document(client_id: str, kind: str, key: SigningKey) -> bytes:
    document = {
        "type": kind,
        "issuer": config().issuer,
        "token_uri": handoff.token_endpoint,
        "client_id": client_id,
        "key_id": key.kid,
        "private_key": key.to_pem().decode(),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _read(path: Path) -> VerificationKey:
    try:
        return read_public_key(path)
    except OSError as error:
        raise ClientRefusedError(f"{shown(path)} cannot be read: {error.strerror}.") from None
    except KeyUnusableError as error:
        raise ClientRefusedError(f"{shown(path)} cannot be used: {error}.") from error


def _check_is_no_subject(connection: Any, client_id: str) -> None:
    try:
        users.by_subject(connection, client_id)
    except users.UserUnknownError:
        return
    # At an API, its tokens would be that user's.
    raise ClientRefusedError("An account has this client_id for its subject; choose another.")


def _check_scope(scope: frozenset[str]) -> None:
    if not scope or scope & OPENID_SCOPES:
        raise ClientRefusedError("Give --scope, what it may do at an API: it acts for no user.")
