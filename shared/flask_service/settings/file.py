"""The settings file ``.env``: each line is understood, or the server does not start."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flask_handoff import ConfigurationError

if TYPE_CHECKING:
    from dotenv.parser import Binding

PATH = Path(".env")

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")  # also of what is others' in the file

_REMEDY = "Write NAME=value; a value with blanks, quotes or # in it stands between ' and '."


class SettingsFile(NamedTuple):
    """What the file says.

    Args:
        values: As they stand there: no ``${NAME}`` in them is replaced.
        lines: Where each name stands.
    """

    values: Mapping[str, str]
    lines: Mapping[str, int]

    def under_environment(self) -> dict[str, str]:
        """Return the process's environment, and what stands here where that is silent."""
        replaced: Mapping[str, str | None] = {}
        if any("${" in value for value in self.values.values()):
            from dotenv import dotenv_values

            # The command ``flask`` has read the file before, and has replaced each ${NAME} in it.
            replaced = dotenv_values(PATH, encoding="utf-8")
        given = {name: value for name, value in os.environ.items() if value != replaced.get(name)}
        return {**self.values, **given}

    def check_spelling(self, ours: Collection[str], beginnings: tuple[str, ...]) -> None:
        """Refuse a name that was meant to be one of a server's, and is not.

        In the file every name was written by hand, unlike in the environment.

        Args:
            ours: The settings that there are.
            beginnings: What the names begin with that are nobody else's.

        Raises:
            ConfigurationError: The text names the line.
        """
        for name in self.values.keys() - set(ours):
            spelt = name.upper().replace("-", "_")
            alike = [each for each in ours if _digits(spelt) in ("", _digits(each))]
            meant = get_close_matches(spelt, alike, n=1, cutoff=0.85)
            if meant or spelt.startswith(beginnings):
                remedy = f"Perhaps {meant[0]} was meant." if meant else "Remove it, or correct it."
                raise _refusal(self.lines[name], "there is no setting of this name.", remedy)


def read_environment() -> dict[str, str]:
    """Return the process's environment over the settings file.

    Raises:
        ConfigurationError: As for ``read_settings_file``.
    """
    return read_settings_file().under_environment()


def read_settings_file() -> SettingsFile:
    """Read ``.env`` in the current directory; it is empty where there is none.

    Raises:
        ConfigurationError: It cannot be read, or a line is not understood. The text names the line
            and repeats nothing of it: it may hold a secret.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    if not (text := _text()):
        return SettingsFile(values, lines)
    from dotenv.parser import parse_stream  # a server in a container has no such file

    for binding in parse_stream(StringIO(text)):
        line = _line(binding)
        if binding.error or (binding.key and not _NAME.fullmatch(binding.key)):
            raise _refusal(line, "this is not understood.", _REMEDY)
        if binding.key is None:  # blank, or a comment
            continue
        if binding.value is None:
            raise _refusal(line, "a name without a value.", _REMEDY)
        if binding.key in values:
            raise _refusal(line, f"line {lines[binding.key]} has the same name.", "Keep one.")
        values[binding.key], lines[binding.key] = binding.value, line
    return SettingsFile(values, lines)


def _text() -> str:
    try:
        content = PATH.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(
            f"The settings file {PATH} cannot be read ({error.strerror}).",
            "Let this user read it, or remove it.",
        ) from None
    try:
        text = content.decode("utf-8")
        position = text.find("\0")  # every other octet of UTF-16
    except UnicodeDecodeError as error:
        text, position = content[: error.start].decode("utf-8"), error.start
    if position >= 0:
        line = text[:position].count("\n") + 1
        raise _refusal(line, "this is not UTF-8 text.", "Save the file in the encoding UTF-8.")
    return text


def _line(binding: Binding) -> int:
    # The parser counts the blank lines before a name with it.
    original = binding.original.string
    blanks = original[: len(original) - len(original.lstrip())]
    return int(binding.original.line) + len(blanks.splitlines())


def _refusal(line: int, problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{PATH}, line {line}: {problem}", remedy)


def _digits(name: str) -> str:
    # SERVER1_PORT is no slip for SERVER2_PORT, and SERVER_PORT one for both.
    return "".join(filter(str.isdigit, name))
