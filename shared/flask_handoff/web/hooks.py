"""Hooks: the functions that an application gives the extensions, and what they return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import Flask

from flask_handoff.claim_texts import is_text
from flask_handoff.claims import LiveSession, SignedInUser
from flask_handoff.errors import ConfigurationError
from flask_handoff.profiles import SCOPE_VALUE

Hook = TypeVar("Hook", bound=Callable[..., Any] | None)


def check_hooks(*, optional: Mapping[str, object], **needed: object) -> None:
    """Refuse what cannot be called; None is an optional hook that was left out.

    Raises:
        ConfigurationError: One of them is no function.
    """
    for name, hook in {**needed, **{n: h for n, h in optional.items() if h is not None}}.items():
        if not callable(hook):
            raise ConfigurationError(
                f"{name} cannot be called: it is of the type {type(hook).__name__}.",
                f"Give the function itself, without brackets behind its name: {name}=my_function.",
            )


def plain_hook(
    app: Flask, name: str, hook: Hook, check: Callable[[str, object], object] | None = None
) -> Hook:
    """Return a hook as a plain function; one that is ``async def`` runs as an async view does.

    Args:
        check: Is given what the hook returns, and raises where that is nothing it may return.

    Raises:
        ConfigurationError: It is ``async def``, and asgiref is not installed; or it yields.
    """
    if hook is None:
        return hook
    plain = _plain(app, name, hook)
    if check is None:
        return cast(Hook, plain)

    def ask(*arguments: object) -> object:
        return check(name, plain(*arguments))

    return cast(Hook, ask)


def _plain(app: Flask, name: str, hook: Callable[..., object]) -> Callable[..., object]:
    called = hook, getattr(hook, "__call__", hook)  # noqa: B004 - what an object does
    if any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in called):
        raise ConfigurationError(
            f"{name} is a generator: it yields, and returns nothing.",
            "Give a function that returns its answer.",
        )
    if not any(map(inspect.iscoroutinefunction, called)):
        return hook
    try:
        return app.async_to_sync(cast(Any, hook))
    except RuntimeError:
        raise ConfigurationError(
            f"{name} is a coroutine function (async def), and asgiref is not installed.",
            "Install flask[async], or give a plain function.",
        ) from None


def check_context_hook(name: str, hook: Callable[..., object]) -> None:
    """Refuse a hook that makes no plain context: it must not be async in any way.

    Raises:
        ConfigurationError: It is.
    """
    made = inspect.unwrap(hook)
    makes_context = made is not hook  # by contextlib.contextmanager
    if inspect.iscoroutinefunction(made) or inspect.isasyncgenfunction(made):
        problem = f"{name} is async, and its transaction would be another thread's."
    elif inspect.isgeneratorfunction(made) and not makes_context:
        problem = f"{name} is a generator, and no context."
    else:
        return
    raise ConfigurationError(problem, "Give a plain function with @contextmanager above it.")


def user_from(hook: str, answer: object) -> SignedInUser | None:
    """Check what a hook said about a user.

    Raises:
        TypeError: It is neither a ``SignedInUser`` nor None.
    """
    if answer is None or isinstance(answer, SignedInUser):
        return answer
    raise wrong_answer(hook, "a SignedInUser, or None", answer)


def session_user_from(hook: str, answer: object) -> SignedInUser | None:
    """Check who a hook said is signed in with a session.

    Raises:
        TypeError: It is neither a ``SignedInUser`` with one nor None.
    """
    user = user_from(hook, answer)
    if user is not None and user.session_id == "":
        raise TypeError(f"{hook} must return a user with a session_id; it is empty")
    return user


def live_session_from(hook: str, answer: object) -> LiveSession | None:
    """Check what a hook said about the session of a browser.

    Raises:
        TypeError: It is neither a ``LiveSession`` nor None.
    """
    if answer is None or isinstance(answer, LiveSession):
        return answer
    raise wrong_answer(hook, "a LiveSession, or None", answer)


def handle_from(hook: str, answer: object) -> str:
    """Check the handle of a session that a hook returned.

    Raises:
        TypeError: It is no text that may stand in a log.
    """
    if is_text(answer):
        return answer
    raise wrong_answer(hook, "the session's handle, printable text of 1 to 255 characters", answer)


def address_from(hook: str, answer: object) -> str:
    """Check an address that a hook returned.

    Raises:
        TypeError: It is no text.
    """
    if isinstance(answer, str) and answer:
        return answer
    raise wrong_answer(hook, "an address of this site", answer)


def scope_from(hook: str, answer: object, requested: frozenset[str]) -> frozenset[str]:
    """Check what a hook granted. What was not requested may be among it.

    Raises:
        TypeError: It is no set of scope values.
    """
    if isinstance(answer, set | frozenset) and (
        answer <= requested
        or all(type(one) is str and SCOPE_VALUE.fullmatch(one) for one in answer)
    ):
        return frozenset(answer)
    raise wrong_answer(hook, "a set of texts, each one value of a scope", answer)


def instant_from(hook: str, answer: object) -> datetime | None:
    """Check when a hook said that something was.

    Raises:
        TypeError: It is neither a datetime with a time zone nor None.
    """
    if answer is None or (isinstance(answer, datetime) and answer.tzinfo is not None):
        return answer
    raise wrong_answer(hook, "a datetime with a time zone, or None", answer)


def wrong_answer(hook: str, expected: str, answer: object) -> TypeError:
    """Say what a hook must return. What it did return is not quoted: it may be a secret."""
    return TypeError(f"{hook} must return {expected}; this is of the type {type(answer).__name__}")
