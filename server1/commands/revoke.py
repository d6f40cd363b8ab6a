"""The command line: take back what was given, as ``flask --app server1 revoke``."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import click
from flask.cli import AppGroup, with_appcontext

from flask_handoff import Client, shown
from flask_handoff.claims import AccessClaims
from flask_handoff.errors import (
    ClientUnknownError,
    DependencyUnavailableError,
    HandoffRejectedError,
    RefreshTokenInvalidError,
)
from flask_service.commands import command_line
from flask_service.database import database
from server1 import audit, revocation_notices
from server1.accounts import client_revocation, revocation, users
from server1.accounts.codes import revoke_token_id
from server1.accounts.email_addresses import EmailAddressError
from server1.accounts.revocation import SessionUnknownError
from server1.accounts.users import UserUnknownError
from server1.audit import EndReason, Event
from server1.clients.registry import disabled_client
from server1.handoff import handoff

from . import effects

LONGEST_TOKEN = 4096  # characters, each of one byte

sessions_group = AppGroup("sessions", help="End sessions; the audit log names them.")

plain_refusals = partial(
    command_line.plain_refusals,
    DependencyUnavailableError,
    EmailAddressError,
    SessionUnknownError,
    UserUnknownError,
)


@click.command("revoke")
@click.option("--user", metavar="EMAIL", help="All that an account has: sessions, codes, tokens.")
@click.option("--client", "client_id", metavar="CLIENT_ID", help="All that a client was given.")
@click.option("--session", "sid", metavar="SID", help="One session, and what it led to.")
@click.option("--token-id", metavar="JTI", help="One access token, by its jti.")
@click.option("--token", is_flag=True, help="One access or refresh token, on standard input.")
@click.option("--all", "everything", is_flag=True, help="All that was ever given, to anybody.")
@with_appcontext
@plain_refusals()
def revoke(
    user: str | None,
    client_id: str | None,
    sid: str | None,
    token_id: str | None,
    token: bool,
    everything: bool,
) -> None:
    """Take back what was given, and say what ended, and by when the last of it is certain.

    A token itself comes on standard input: arguments are seen by others on this machine.
    """
    if (
        sum((user is not None, client_id is not None, sid is not None, token_id is not None))
        + sum((token, everything))
        != 1
    ):
        raise click.UsageError(
            "Give one of --user, --client, --session, --token-id, --token and --all."
        )
    if user is not None:
        _revoke_user(user)
    elif client_id is not None:
        _revoke_client(client_id)
    elif sid is not None:
        _end_session(sid)
    elif token_id is not None:
        _revoke_token_id(token_id)
    elif token:
        _revoke_token()
    else:
        _revoke_everything()


# A sid may begin with a dash, and is no option then.
@sessions_group.command("end", context_settings={"ignore_unknown_options": True})
@click.argument("sid", required=False)
@click.option("--user", metavar="EMAIL", help="All that an account has, as 'revoke --user' does.")
@click.option("--all", "everything", is_flag=True, help="Everybody's, as 'revoke --all' does.")
@plain_refusals()
def end_sessions(sid: str | None, user: str | None, everything: bool) -> None:
    """End the session SID, as 'revoke --session' does; or more of them.

    After a backup was restored, --all ends what had ended since it was made.
    """
    if sum((sid is not None, user is not None, everything)) != 1:
        raise click.UsageError("Give one of SID, --user and --all.")
    if sid is not None:
        _end_session(sid)
    elif user is not None:
        _revoke_user(user)
    else:
        _revoke_everything()


def _revoke_user(email: str) -> None:
    with database().writing() as connection:
        user = users.by_email(connection, email)
        count, since = revocation.revoke_all_sessions(
            connection, user, EndReason.REVOKED_BY_OPERATOR
        )
        audit.record(connection, Event.ACCESS_REVOKED, subject=user.subject)
    click.echo(f"Ended all that {user.email} has: sessions here, codes, the access of apps.")
    _say_what_follows(count, since)


def _revoke_client(client_id: str) -> None:
    client = _client(client_id)
    with database().writing() as connection:
        count, accounts, since = client_revocation.end_all_at_client(connection, client_id)
        audit.record(connection, Event.ACCESS_REVOKED, client_id=client_id)
    access = effects.access_to(accounts)
    click.echo(f"Ended all that {client.name} was given: codes, and its {access}.")
    click.echo(effects.sessions_end(client, client_id, count))
    click.echo(effects.tokens_dead(since))


def _end_session(sid: str) -> None:
    with database().writing() as connection:
        count, since = revocation.revoke_session_named(
            connection, sid, EndReason.REVOKED_BY_OPERATOR
        )
    click.echo(f"Ended the session {sid} here. Apps that it let in go on: see --user.")
    _say_what_follows(count, since)


def _revoke_token_id(unverified_jwt_id: str) -> None:
    with database().writing() as connection:
        try:
            since = revoke_token_id(connection, unverified_jwt_id)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        detail = f"{unverified_jwt_id}, by an operator"
        audit.record(connection, Event.TOKEN_REVOKED, detail=detail)
    click.echo("Revoked the access token of this jti, if there is one.")
    click.echo(effects.tokens_dead(since))


def _revoke_token() -> None:
    unverified_octets = command_line.standard_input(LONGEST_TOKEN + 1)
    unverified_token = unverified_octets.decode("ascii", "replace").strip()
    with database().writing() as connection:
        try:
            revoked = handoff.revoke_token(unverified_token)
        except (HandoffRejectedError, RefreshTokenInvalidError):
            raise click.ClickException("That is no token of ours that still holds.") from None
        is_access = isinstance(revoked, AccessClaims)
        if isinstance(revoked, AccessClaims):
            revocation_notices.enqueue(
                connection,
                "jti",
                [revoked.jwt_id],
                revoked.expires_at,
                audience=revoked.audience,
            )
            event, what = Event.TOKEN_REVOKED, f"{revoked.jwt_id}, for {revoked.audience}"
        else:
            event, what = Event.APP_ACCESS_ENDED, f"app {revoked.family_id}"
        audit.record(
            connection,
            event,
            subject=None if revoked.subject == revoked.client_id else revoked.subject,
            client_id=revoked.client_id,
            detail=f"{what}, by an operator",
            reason=None if is_access else EndReason.REVOKED_BY_OPERATOR,
        )
        since = effects.now()
    whose = f"{revoked.client_id} for {revoked.subject}"
    if is_access:
        click.echo(f"Revoked an access token of {whose}. A refresh token beside it goes on.")
    else:
        click.echo(f"Ended the refresh tokens of {whose}, and the access tokens beside them.")
    click.echo(effects.tokens_dead(since))


def _revoke_everything() -> None:
    with database().writing() as connection:
        here, count, since = revocation.revoke_everything(connection)
        detail = f"everything: {here} sessions here, {count} at services"
        audit.record(connection, Event.ACCESS_REVOKED, detail=detail)
    sessions = f"{here} session{'' if here == 1 else 's'}"
    click.echo(f"Ended everything: {sessions} here, all codes, the access of all apps.")
    click.echo("No link in a mail works any more.")
    _say_what_follows(count, since)


def _say_what_follows(count: int, since: datetime) -> None:
    click.echo(effects.sessions_end_at_services(count))
    click.echo(effects.tokens_dead(since))


def _client(client_id: str) -> Client:
    try:
        return handoff.client(client_id)
    except ClientUnknownError:
        try:
            return disabled_client(client_id)
        except ClientUnknownError:
            named = f"There is no client of this name: {shown(client_id)}."
            raise click.ClickException(named) from None
