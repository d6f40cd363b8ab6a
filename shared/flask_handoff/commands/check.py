"""``flask handoff-check``: what is wrong with this pair?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_handoff.checks.findings import Finding, Level
from flask_handoff.errors import ConfigurationError

from .output import full_disk_told

_LEVELS: tuple[Level, ...] = ("ok", "warning", "wrong")
_WIDTH = max(map(len, _LEVELS))


class _CannotRunError(click.ClickException):
    exit_code = 2


@click.command("handoff-check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def handoff_check(context: click.Context, as_json: bool) -> None:
    """Say in plain sentences what is wrong with this side of a pair, and with what it meets.

    Looks at the settings of the application, and asks the addresses in them: the issuer's, and its
    own. So both servers have to run. Run it on either side. Nobody is signed in, no token is
    issued, nothing secret is printed.

    Exit status: 0 when nothing is wrong (warnings may be there), 1 when something is, 2 when it
    could not be looked at.
    """
    application = _application(context)
    with _quiet(), application.app_context():
        findings = list(dict.fromkeys(_findings(application)))
    if not findings:
        raise _CannotRunError(
            "This application has no side of a handoff. Give --app with one that calls init_app of "
            "HandoffIssuer, HandoffReceiver or HandoffAPI."
        )
    levels = [finding.level for finding in findings]
    if as_json:
        found = [finding._asdict() for finding in findings]
        told = json.dumps({"wrong": "wrong" in levels, "findings": found}, indent=2)
    else:
        told = "\n".join(_lines(findings))
    with full_disk_told(_CannotRunError):
        click.echo(told)
    context.exit(1 if "wrong" in levels else 0)


def _application(context: click.Context) -> Flask:
    try:
        return context.ensure_object(ScriptInfo).load_app()
    except ConfigurationError as error:
        raise _CannotRunError(str(error)) from error
    except click.UsageError:
        raise  # no application was found; Flask says how to name one
    except click.ClickException as error:
        raise _CannotRunError(error.format_message()) from error


def _findings(application: Flask) -> Iterator[Finding]:
    # It imports what sends, which no other command needs.
    from flask_handoff.checks.sides import findings_of

    return findings_of(application)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for level, subject, text, remedy in findings:
        yield f"{level:{_WIDTH}}  {subject}: {text}"
        if remedy:
            yield f"{'':{_WIDTH}}  -> {remedy}"
    yield ""
    counts = {level: sum(each.level == level for each in findings) for level in _LEVELS}
    yield f"{counts['ok']} ok, {counts['warning']} to look at, {counts['wrong']} wrong."


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's log lines back: what they would say stands among the findings."""
    logger = logging.getLogger("flask_handoff")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
