"""The command line: what operators owe the people behind accounts, as ``… users export``."""

from __future__ import annotations

import json
from functools import partial

import click

from flask_service.commands import command_line
from flask_service.database import database
from server1 import account_changes
from server1.accounts import users
from server1.accounts.email_addresses import EmailAddressError
from server1.accounts.personal_data import personal_data
from server1.accounts.users import UserExistsError, UserUnknownError

from .accounts import users_group

plain_refusals = partial(
    command_line.plain_refusals, EmailAddressError, UserExistsError, UserUnknownError
)


@users_group.command("export")
@click.argument("email")
@plain_refusals()
def export_user(email: str) -> None:
    """Print what is kept about the person with the address EMAIL, as JSON; no secret is in it.

    It is for that person alone: it says from where and when they signed in, for example.
    """
    with database().reading() as connection:
        held = personal_data(connection, users.by_email(connection, email))
    click.echo(json.dumps(held, indent=2, ensure_ascii=False))


@users_group.command("set-email")
@click.argument("email")
@click.argument("new_email")
@click.option("--unverified", is_flag=True, help="It is not known to be theirs; it gets a link.")
@plain_refusals()
def set_email(email: str, new_email: str, unverified: bool) -> None:
    """Give the account of EMAIL the address NEW_EMAIL, and write to the old one.

    Its sessions here go on; those at services end, and the next click there brings the new address.
    """
    with database().writing() as connection:
        user = users.by_email(connection, email)
        account_changes.set_email(connection, user, new_email, verified=not unverified)
        changed = users.by_subject(connection, user.subject)
    click.echo(f"The account of {user.email} has the address {changed.email}.")


@users_group.command("delete")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@plain_refusals()
def delete_user(email: str, yes: bool) -> None:
    """Delete the account of EMAIL with all that belongs to it, and write to that address.

    What stays is the audit log, by the account's identifier, until SERVER1_AUDIT_DAYS have passed.
    """
    with database().reading() as connection:
        user = users.by_email(connection, email)
    if not yes:
        command_line.confirm(f"Delete the account of {user.email} for good?")
    with database().writing() as connection:
        user = users.by_subject(connection, user.subject)
        account_changes.delete_account(connection, user, detail="by an operator")
    click.echo(f"Deleted the account of {user.email}, and ended its sessions.")
    click.echo(f"In the audit log it is {user.subject}.")
    click.echo("Services know it by that name, and keep what they have: tell those who run them.")
