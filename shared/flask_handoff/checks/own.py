"""The checks that an application adds of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Flask

from flask_handoff.errors import ConfigurationError, DependencyUnavailableError

from .findings import Finding, ok, warning, wrong

_EXTENSION = "handoff_checks"

Check = Callable[[], str | None]


def add_check(app: Flask, name: str, check: Check) -> None:
    """Have ``flask handoff-check`` look at something of the application's own as well.

    Args:
        app: It need not have an extension yet.
        name: Two or three words, such as ``mail``.
        check: Called in the application's context. It returns what holds, as one sentence, or
            None. It raises ``ConfigurationError`` (problem, remedy) where something is wrong, and
            ``UserWarning`` (one sentence or two) where something is worth a look. Of any other
            exception the name alone is shown: its text might hold a secret.

    Raises:
        TypeError: The check cannot be called.
    """
    if not callable(check):
        raise TypeError("check: expected a function without arguments")
    app.extensions.setdefault(_EXTENSION, []).append((name, check))


def own_findings(app: Flask) -> Iterator[Finding]:
    """Run them, each whatever the others say."""
    checks: list[tuple[str, Check]] = app.extensions.get(_EXTENSION, [])
    for name, check in checks:
        yield _finding(name, check)


def _finding(name: str, check: Check) -> Finding:
    try:
        return ok(name, check() or "is as it should be.")
    except UserWarning as doubt:
        return warning(name, str(doubt), "")
    except ConfigurationError as error:
        return wrong(name, error.problem, error.remedy)
    except DependencyUnavailableError as error:
        return wrong(name, f"{error}.", "Make that work again.")
    except Exception as error:
        text = f"The application's own check failed ({type(error).__name__})."
        return wrong(name, text, "Look what it does; its exception's text is not shown.")
