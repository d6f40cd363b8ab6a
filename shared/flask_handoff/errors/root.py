"""The root of all errors, and the one of a wrong setting."""

from __future__ import annotations

from typing import Any, ClassVar


class HandoffError(Exception):
    """Base of every error that this library raises on purpose.

    Where a check of a token raised it, ``check`` says which one, as ``flask handoff-explain``
    prints it. If the signature was good, ``kid`` is the key that signed; ``jwt_id`` and ``issuer``
    are the claims ``jti`` and ``iss``, where they are fit for a log.
    """

    code: ClassVar[str] = "handoff"
    check: str | None = None
    kid: str | None = None
    jwt_id: str | None = None
    issuer: str | None = None

    def __init_subclass__(cls, *, code: str | None = None, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if code is not None:
            cls.code = code


class ConfigurationError(HandoffError, code="configuration"):
    """A setting, or an argument of an extension, is wrong.

    Raised at start-up, never while a request is answered.

    Args:
        problem: What is wrong, as one sentence.
        remedy: What to do about it, as one sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy
