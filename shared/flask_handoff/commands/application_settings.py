"""The settings of the application that ``flask --app`` names, for a command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import NoAppException, ScriptInfo

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError
from flask_handoff.redaction import check_settings, shown

KEYS_DIRECTORY = "HANDOFF_KEYS_DIRECTORY"
_FLUSH_FILE = "HANDOFF_JWKS_FLUSH_FILE"
_PINNED_KEYS = "HANDOFF_PINNED_KEYS"


@contextmanager
def plain_refusals() -> Iterator[None]:
    """Answer what the library refuses with its text, not with a stack trace."""
    try:
        yield
    except (ConfigurationError, KeyLifeCycleError) as error:
        raise click.ClickException(str(error)) from error


def directory_of_the_application(context: click.Context) -> Path:
    """Return where the keys of the application lie."""
    directory = _setting(context, KEYS_DIRECTORY)
    if not directory:
        raise ConfigurationError(
            "It is not said where the keys lie.",
            f"Give --directory, or --app with an application that sets {KEYS_DIRECTORY}.",
        )
    return Path(directory)


def flush_file(context: click.Context) -> str | os.PathLike[str]:
    """Return the file that the processes of the application watch."""
    pinned = _setting(context, _PINNED_KEYS)
    if pinned:
        raise ConfigurationError(
            f"The keys are pinned in {shown(Path(pinned))}: nothing is fetched.",
            "Put the new keys there, and start the receiver again.",
        )
    path = _setting(context, _FLUSH_FILE)
    if not path:
        raise ConfigurationError(
            f"The running processes watch no file: {_FLUSH_FILE} is not set.",
            "Start them again instead; or name the receiver's application with --app.",
        )
    return path


def _setting(context: click.Context, name: str) -> str | os.PathLike[str] | None:
    value = _setting_of_the_application(context, name) or os.environ.get(name)
    check_settings({name: value})
    return value


def _setting_of_the_application(context: click.Context, name: str) -> str | os.PathLike[str] | None:
    script_info = context.ensure_object(ScriptInfo)
    try:
        return script_info.load_app().config.get(name)
    except NoAppException:
        if script_info.app_import_path is not None:
            raise  # an application was named: what is wrong with it matters
        return None
