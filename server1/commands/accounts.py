"""The command line: accounts and grants, as ``flask --app server1 users …`` and ``… grants …``."""

from __future__ import annotations

import secrets
from functools import partial

import click
from flask.cli import AppGroup

from flask_handoff import shown
from flask_handoff.profiles import OPENID_SCOPES
from flask_service.commands import command_line
from flask_service.commands.command_line import echo_table, to_the_minute
from flask_service.database import database
from server1 import audit
from server1.accounts import grants, links, revocation, users
from server1.accounts.administration import create_account, replace_password
from server1.accounts.email_addresses import EmailAddressError
from server1.accounts.grant_changes import change_grant, in_words
from server1.accounts.grants import ScopeError
from server1.accounts.mail_links import Purpose
from server1.accounts.password_rules import check_new_password
from server1.accounts.passwords import PasswordUnusableError
from server1.accounts.turns import HasherBusyError
from server1.accounts.users import UserExistsError, UserNameError, UserUnknownError
from server1.audit import EndReason, Event
from server1.handoff import handoff

from . import effects

users_group = AppGroup("users", help="Create, list, change, export and delete accounts.")
grants_group = AppGroup("grants", help="Say which users may enter which clients.")

plain_refusals = partial(
    command_line.plain_refusals,
    EmailAddressError,
    HasherBusyError,
    PasswordUnusableError,
    ScopeError,
    UserExistsError,
    UserNameError,
    UserUnknownError,
)


@users_group.command("create")
@click.argument("email")
@click.option("--name", help="The person's name.  [default: the address's first part]")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--password-prompt", is_flag=True, help="Ask for the password, twice, unseen.")
@click.option("--unverified", is_flag=True, help="The address is not known to be theirs.")
@click.option(
    "--replace-password",
    "replace",
    is_flag=True,
    help="Give an account that exists this password; where it is another one, end its sessions.",
)
@plain_refusals()
def create_user(
    email: str,
    name: str | None,
    password_stdin: bool,
    password_prompt: bool,
    unverified: bool,
    replace: bool,
) -> None:
    """Create an account for EMAIL.

    Without an option for the password, a random one is made and printed.
    """
    given = _read_password(password_stdin, password_prompt, (email, name or ""))
    password = given or secrets.token_urlsafe(12)
    try:
        user = create_account(
            email=email,
            name=email.partition("@")[0] if name is None else name,
            unverified_password=password,
            email_verified=not unverified,
        )
        click.echo(f"Created the account of {user.email}.")
    except UserExistsError:
        if not replace:
            raise
        with database().reading() as connection:
            user = users.by_email(connection, email)
        replace_password(user, password)
        click.echo(f"The account of {user.email} has this password.")
    if given is None:
        click.echo(f"Password: {password}")


@users_group.command("list")
@plain_refusals()
def list_users() -> None:
    """List the accounts by e-mail address."""
    with database().reading() as connection:
        found = users.all_users(connection)
    echo_table(
        ("EMAIL", "NAME", "VERIFIED", "STATE", "CREATED"),
        [
            (
                user.email,
                user.name,
                "yes" if user.email_verified else "no",
                "disabled" if user.disabled else "enabled",
                to_the_minute(user.created_at),
            )
            for user in found
        ],
    )


@users_group.command("disable")
@click.argument("email")
@plain_refusals()
def disable_user(email: str) -> None:
    """Disable the account of EMAIL, and end its sessions."""
    with database().writing() as connection:
        user = users.by_email(connection, email)
        users.change(connection, user, disabled=True)
        if not user.disabled:
            audit.record(connection, Event.ACCOUNT_DISABLED, subject=user.subject)
        links.revoke(connection, user, Purpose)
        count, since = revocation.revoke_all_sessions(connection, user, EndReason.ACCOUNT_DISABLED)
    click.echo(f"Disabled {user.email}, and ended its sessions.")
    click.echo(effects.sessions_end_at_services(count))
    click.echo(effects.tokens_dead(since))


@users_group.command("enable")
@click.argument("email")
@plain_refusals()
def enable_user(email: str) -> None:
    """Enable the account of EMAIL again."""
    with database().writing() as connection:
        user = users.by_email(connection, email)
        users.change(connection, user, disabled=False)
        if user.disabled:
            audit.record(connection, Event.ACCOUNT_ENABLED, subject=user.subject)
    click.echo(f"Enabled {user.email}.")


@grants_group.command("set")
@click.argument("email")
@click.argument("client_id")
@click.argument("scope", nargs=-1)
@click.option("--none", is_flag=True, help="This user may not enter this client.")
@plain_refusals()
def set_grant(email: str, client_id: str, scope: tuple[str, ...], none: bool) -> None:
    """Say what the user EMAIL may do at CLIENT_ID.

    The SCOPE values take the place of the default; 'grants list' shows it.
    """
    _check_client(client_id)
    if bool(scope) == none:
        raise click.UsageError("Give scope values, for example notes:read, or --none.")
    _change_grant(email, client_id, scope)


@grants_group.command("list")
@plain_refusals()
def list_grants() -> None:
    """List the grants that differ from the default."""
    with database().reading() as connection:
        found = grants.all_grants(connection)
    default = in_words(grants.DEFAULT_SCOPE)
    click.echo(f"Everyone else may do at every client what its API knows, and: {default}.")
    echo_table(
        ("EMAIL", "CLIENT", "SCOPE"),
        [(email, client_id, in_words(scope)) for email, client_id, scope in found],
    )


@grants_group.command("clear")
@click.argument("email")
@click.argument("client_id")
@plain_refusals()
def clear_grant(email: str, client_id: str) -> None:
    """Return to the default for the user EMAIL at CLIENT_ID."""
    with database().reading() as connection:
        # A client that is not registered any more may have left some.
        _check_client(client_id, *(each for _, each, _ in grants.all_grants(connection)))
    _change_grant(email, client_id, None)


def _check_client(client_id: str, *others: str) -> None:
    known = [client.client_id for client in handoff.clients()]
    if client_id not in (*known, *others):
        raise click.UsageError(
            f"There is no client of this name: {shown(client_id)}. There are: {', '.join(known)}."
        )


def _read_password(from_stdin: bool, from_prompt: bool, about: tuple[str, str]) -> str | None:
    if from_stdin and from_prompt:
        raise click.UsageError("Use one of --password-stdin and --password-prompt.")
    if from_prompt:
        command_line.check_can_ask("--password-stdin")
        prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return check_new_password(prompted, about)
    if not from_stdin:
        return None
    try:
        line = command_line.standard_input().decode("utf-8-sig")  # Windows begins a text with it
    except UnicodeDecodeError:
        raise PasswordUnusableError("The password on standard input is not UTF-8.") from None
    password = line.removesuffix("\n").removesuffix("\r")
    if {"\n", "\r"} & {*password}:  # which no browser's field for a password can hold
        raise PasswordUnusableError("The password on standard input is more than one line.")
    return check_new_password(password, about)


def _change_grant(email: str, client_id: str, scope: tuple[str, ...] | None) -> None:
    clients = handoff.clients()
    with database().writing() as connection:
        user = users.by_email(connection, email)
        after, ended = change_grant(connection, user, client_id, scope, clients)
        now = effects.now()
    click.echo(f"{user.email} at {client_id}: {in_words(after)}.")
    known = (OPENID_SCOPES | grants.DEFAULT_SCOPE).union(*(each.scopes for each in clients))
    if unknown := frozenset(scope or ()) - known:
        # A receiver may have words of its own, so it is no error; misspelt, it takes access away.
        click.echo(f"No API that is registered knows: {in_words(unknown)}. Is it spelled so?")
    if ended is None:
        click.echo("Nothing is taken back, and nothing ends. It holds from the next sign-in there.")
        return
    client = next((each for each in clients if each.client_id == client_id), None)
    click.echo(effects.sessions_end(client, client_id, ended))
    click.echo(effects.tokens_dead(now))
