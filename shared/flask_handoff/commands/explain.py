"""``flask handoff-explain``: why is this token refused here?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_handoff.api.extension import EXTENSION as API
from flask_handoff.api.extension import APIContext
from flask_handoff.api.notices import EXTENSION as NOTICES
from flask_handoff.api.notices import Notices
from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    ClientAssertionError,
    ConfigurationError,
    DependencyUnavailableError,
)
from flask_handoff.issuer.context import EXTENSION as ISSUER
from flask_handoff.issuer.context import IssuerContext
from flask_handoff.profiles import (
    ACCESS,
    CLIENT_ASSERTION,
    HANDOFF,
    LOGOUT,
    OIDC,
    OIDC_LOGOUT,
    REVOCATION,
)
from flask_handoff.receiver.context import EXTENSION as RECEIVER
from flask_handoff.receiver.context import ReceiverContext
from flask_handoff.tokens.explain import CheckResult, Explanation, Verdict, explain
from flask_handoff.tokens.verification import MAXIMUM_TOKEN_LENGTH, Verifier

from .output import full_disk_told

_MOST_BYTES = 4 * MAXIMUM_TOKEN_LENGTH  # read from standard input; what is longer is no token
_EXIT_STATUS: Mapping[Verdict, int] = {"accepted": 0, "refused": 1, "cannot be told": 2}
_WITHOUT_OPTION = "Explain it without an option, at the application that receives it (aud)."
_WITH_LOGOUT = "Explain it with --logout, at the application that receives it (aud)."
_WHERE_TO_EXPLAIN: Mapping[str, str] = {
    HANDOFF.name: _WITHOUT_OPTION,
    OIDC.name: _WITHOUT_OPTION,
    LOGOUT.name: _WITH_LOGOUT,
    OIDC_LOGOUT.name: _WITH_LOGOUT,
    ACCESS.name: "Explain it with --access, at the API that it is for (aud), or at the issuer.",
    REVOCATION.name: "Explain it with --revocation, at the API that receives it (aud).",
    CLIENT_ASSERTION.name: "A client sends it to the issuer's /token, and nowhere else. "
    "Explain it with --assertion there.",
}
_OF_TWO_POLICIES = ({HANDOFF.name, OIDC.name}, {LOGOUT.name, OIDC_LOGOUT.name})


class _CannotTell(click.ClickException):
    exit_code = 2


@click.command("handoff-explain", context_settings={"ignore_unknown_options": True})
@click.argument("unwanted", nargs=-1, metavar="< TOKEN", type=click.UNPROCESSED)
@click.option("--logout", "kind", flag_value="logout", help="Explain it as a logout token.")
@click.option("--revocation", "kind", flag_value="revocation", help="Explain it as a notice.")
@click.option("--access", "kind", flag_value="access", help="Explain it as an access token.")
@click.option("--assertion", "kind", flag_value="assertion", help="Explain a client's own JWT.")
@click.pass_context
def handoff_explain(context: click.Context, unwanted: tuple[str, ...], kind: str | None) -> None:
    """Say why a token is accepted or refused here.

    Reads one token from standard input, never from the command line, where other users of the
    machine could see it. Runs the checks of the application and shows each outcome. Spends nothing,
    and never shows the token.

    Without an option it is explained as a handoff token; where the application receives none, as
    an access token for its API or its own /userinfo.

    Exit status: 0 when every check passes that can be made here, 1 when one refuses, 2 when it
    cannot be told.
    """
    if unwanted:
        # Click's own complaint would print what it found there.
        raise _CannotTell(
            "Nothing may stand behind the command: whoever lists processes would see a token there."
            " Give it on standard input."
        )
    explanation = _explain(_application(context), kind)
    with full_disk_told(_CannotTell):
        click.echo("\n".join(_lines(explanation)))
    context.exit(_EXIT_STATUS[explanation.verdict])


def _application(context: click.Context) -> Flask:
    try:
        return context.ensure_object(ScriptInfo).load_app()
    except ConfigurationError as error:
        raise _CannotTell(str(error)) from error


def _explain(application: Flask, kind: str | None) -> Explanation:
    if kind == "assertion":
        return _explain_assertion(application)
    verifier = _verifier(application, kind)
    unverified_token = _read_token()
    with application.app_context():
        return explain(verifier, unverified_token)


def _explain_assertion(application: Flask) -> Explanation:
    issuer: IssuerContext | None = application.extensions.get(ISSUER)
    if issuer is None or issuer.assertions is None:
        raise _CannotTell(
            "This application takes no client's own JWT. "
            "Give --app with one that gives HandoffIssuer.init_app a replay_store."
        )
    unverified_token = _read_token()
    with application.app_context():
        try:
            # Each client has keys of its own, so it has to be known first whose this may be.
            client = issuer.assertions.signer(unverified_token)
        except (ClientAssertionError, DependencyUnavailableError) as error:
            raise _CannotTell(f"Nothing can be checked: {error}.") from error
        return explain(issuer.assertions.verifier(client), unverified_token)


def _verifier(application: Flask, kind: str | None) -> Verifier:
    if kind == "revocation":
        return _notice_verifier(application)
    receiver: ReceiverContext | None = application.extensions.get(RECEIVER)
    issuer: IssuerContext | None = application.extensions.get(ISSUER)
    api: APIContext | None = application.extensions.get(API)
    if kind == "access" or (kind is None and receiver is None and (issuer or api)):
        return api.verifier if api is not None else _access_verifier(issuer)
    if receiver is None:
        raise _CannotTell(
            "This application receives no handoffs. "
            "Give --app with one that calls HandoffReceiver.init_app."
        )
    if kind is None:
        return receiver.verifier
    if receiver.logouts is None:
        raise _CannotTell("This application has no end_sessions: it is not told of logouts.")
    return receiver.logouts.verifier


def _notice_verifier(application: Flask) -> Verifier:
    notices: Notices | None = application.extensions.get(NOTICES)
    if notices is None:
        raise _CannotTell(
            "This application takes no revocation notices. Give --app with one that calls "
            "HandoffAPI.init_app and sets HANDOFF_REVOCATION."
        )
    return notices.verifier


def _access_verifier(issuer: IssuerContext | None) -> Verifier:
    if issuer is None:
        raise _CannotTell(
            "This application takes no access tokens. "
            "Give --app with one that calls HandoffAPI.init_app or HandoffIssuer.init_app."
        )
    if issuer.codes is None:
        raise _CannotTell(
            "This issuer issues no codes, so it has no /userinfo and takes no token. Give --app "
            "with the application that received this one, or HandoffIssuer.init_app its codes."
        )
    return issuer.access_verifier


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
    yield from _most_telling(explanation)
    yield "Expected here"
    yield from _table(explanation.expected)
    yield ""
    yield "Checks"
    yield from _table({result.name: _outcome(result) for result in explanation.results})
    yield ""
    if explanation.is_genuine:
        yield "The token says (signed by its issuer)"
    else:
        yield "The token says (NOT VERIFIED: anybody can have written this)"
    kind = {} if explanation.kind is None else {"kind": explanation.kind}
    yield from _table({**kind, **explanation.said} or {"nothing": "that can be read"})
    yield ""
    yield _conclusion(explanation)
    if explanation.verdict == "refused":
        yield from _mix_up(explanation.expected_kind, explanation.kind)


def _most_telling(explanation: Explanation) -> Iterator[str]:
    """Say first that it belongs elsewhere: then its key and its signature cannot fit either."""
    said, expected = explanation.said, explanation.expected
    if explanation.verdict != "refused":
        return
    if said.get("iss", expected["issuer"]) != expected["issuer"]:
        yield f"It says that it is from {said['iss']}. Trusted here is {expected['issuer']}."
        yield ""
    elif _names_audience_alike(explanation) and said["aud"] != expected["audience"]:
        yield f"It says that it is for {said['aud']}. This is {expected['audience']}."
        yield ""


def _names_audience_alike(explanation: Explanation) -> bool:
    """Tell whether it can be said: an access token names a service's address, others its name."""
    if "aud" not in explanation.said:
        return False
    return (explanation.kind == ACCESS.name) == (explanation.expected_kind == ACCESS.name)


def _mix_up(expected: str, kind: str | None) -> Iterator[str]:
    if kind is None or kind == expected:
        return
    yield f"It is no {expected}. By what it says of itself it is another kind: {kind}."
    if {expected, kind} in _OF_TWO_POLICIES:
        yield "Compare HANDOFF_POLICY here with the policy of this client at the issuer."
    else:
        yield _WHERE_TO_EXPLAIN[kind]


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
    return f"{explanation.verdict.capitalize()}: check {decisive.name}, code {decisive.code}."
