"""``flask handoff-explain``: why is this token refused here?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import ConfigurationError
from flask_handoff.receiver.context import EXTENSION, ReceiverContext
from flask_handoff.tokens import LogoutTokenVerifier, TokenVerifier
from flask_handoff.tokens.explain import CheckResult, Explanation, Verdict, explain
from flask_handoff.tokens.verification import MAXIMUM_TOKEN_LENGTH

_MOST_BYTES = 4 * MAXIMUM_TOKEN_LENGTH  # read from standard input; what is longer is no token
_EXIT_STATUS: Mapping[Verdict, int] = {"accepted": 0, "refused": 1, "cannot be told": 2}


class _CannotTell(click.ClickException):
    exit_code = 2


@click.command("handoff-explain", context_settings={"ignore_unknown_options": True})
@click.argument("unwanted", nargs=-1, metavar="< TOKEN", type=click.UNPROCESSED)
@click.option("--logout", is_flag=True, help="It is a logout token, not a handoff token.")
@click.pass_context
def handoff_explain(context: click.Context, unwanted: tuple[str, ...], logout: bool) -> None:
    """Say why a token is accepted or refused here.

    Reads one token from standard input, never from the command line, where other users of the
    machine could see it. Runs the checks of the application's receiver and shows each outcome.
    Spends nothing, and never shows the token.

    Exit status: 0 when every check passes that can be made here, 1 when one refuses, 2 when it
    cannot be told.
    """
    if unwanted:
        # Click's own complaint would print what it found there.
        raise _CannotTell(
            "Nothing may stand behind the command: whoever lists processes would see a token there."
            " Give it on standard input."
        )
    verifier, application = _receiver_of_the_application(context, logout)
    unverified_token = _read_token()
    with application.app_context():
        explanation = explain(verifier, unverified_token)
    for line in _lines(explanation):
        click.echo(line)
    context.exit(_EXIT_STATUS[explanation.verdict])


def _receiver_of_the_application(
    context: click.Context, logout: bool
) -> tuple[TokenVerifier | LogoutTokenVerifier, Flask]:
    try:
        application = context.ensure_object(ScriptInfo).load_app()
    except ConfigurationError as error:
        raise _CannotTell(str(error)) from error
    receiver: ReceiverContext | None = application.extensions.get(EXTENSION)
    if receiver is None:
        raise _CannotTell(
            "This application receives no handoffs. "
            "Give --app with one that calls HandoffReceiver.init_app."
        )
    if not logout:
        return receiver.verifier, application
    if receiver.logouts is None:
        raise _CannotTell("This application has no end_sessions: it is not told of logouts.")
    return receiver.logouts.verifier, application


def _read_token() -> UnverifiedToken:
    unverified_octets = b""
    if sys.stdin is not None:  # it is, where standard input is closed
        if sys.stdin.isatty():
            click.echo("Paste the token, then press Enter and Ctrl-D.", err=True)
        unverified_octets = sys.stdin.buffer.read(_MOST_BYTES)
    unverified_text = unverified_octets.decode("utf-8", "replace").strip()
    if not unverified_text:
        raise _CannotTell(
            "No token came on standard input. Run: flask --app ... handoff-explain < file"
        )
    return UnverifiedToken(unverified_text)


def _lines(explanation: Explanation) -> Iterator[str]:
    yield "This receiver expects"
    yield from _table(explanation.expected)
    yield ""
    yield "Checks"
    yield from _table({result.name: _outcome(result) for result in explanation.results})
    yield ""
    if explanation.is_genuine:
        yield "The token says (signed by its issuer)"
    else:
        yield "The token says (NOT VERIFIED: anybody can have written this)"
    yield from _table(explanation.said or {"nothing": "that can be read"})
    yield ""
    yield _conclusion(explanation)


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, rows))
    for name, value in rows.items():
        yield f"  {name:<{width}}  {value}"


def _outcome(result: CheckResult) -> str:
    if result.code:
        return f"{result.outcome}: {result.code}: {result.reason}"
    return result.reason or result.outcome


def _conclusion(explanation: Explanation) -> str:
    if explanation.verdict == "accepted":
        return "Every check passes that can be made here."
    (decisive,) = (result for result in explanation.results if result.code)
    return (
        f"{explanation.verdict.capitalize()}: check {decisive.name}, code {decisive.code}. "
        "docs/errors.md says what to do."
    )
