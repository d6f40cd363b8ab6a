"""The stores of both sides: can they keep what has to be remembered?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask_handoff.errors import ConfigurationError, HandoffError

from .findings import Finding, ok, warning, wrong


class Used(NamedTuple):
    """A store, of which only some tables are used."""

    store: Any
    tables: tuple[str, ...]


def used_tokens(store: Any) -> Used | None:
    """Return a store that remembers tokens, and no logouts; None where there is none."""
    return None if store is None else Used(store, ("handoff_replay",))


def check_stores(stores: Mapping[str, Any]) -> Iterator[Finding]:
    """Write to each store what is taken back at once; ask one that knows no tables if it is ready.

    Args:
        stores: What each of them keeps; None where there is none.
    """
    for subject, store in stores.items():
        if store is not None:
            yield _finding(subject, store if isinstance(store, Used) else Used(store, ()))


def _finding(subject: str, used: Used) -> Finding:
    store = used.store
    kind, has_tables = type(store).__name__, hasattr(store, "check_tables")
    try:
        if has_tables:
            store.check_tables(*used.tables)
        elif hasattr(store, "ready"):
            store.ready()
    except ConfigurationError as error:
        return wrong(subject, error.problem, error.remedy)
    except HandoffError as error:
        return wrong(
            subject,
            f"{kind} cannot be used: {error}.",
            "Is the database there, and may this user write to it? create_tables() of the store "
            "makes the tables that are missing; your own migrations do where they describe them.",
        )
    except Exception as error:
        text = f"{kind} cannot be used ({type(error).__name__})."
        return wrong(subject, text, "See that it can be reached and written to.")
    if kind.startswith("Memory"):
        return warning(
            subject,
            f"{kind} forgets at a restart, and each process has one of its own.",
            f"Use {kind.replace('Memory', 'SQL')}, unless this is one process for a trial.",
        )
    said = "has its tables, and a row was written and taken back" if has_tables else "is ready"
    return ok(subject, f"{kind} {said}.")
