"""The roots of the tree, and what may go wrong on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which check refused a token, and of a genuine token which one it was.

    Args:
        check: The check's name, as ``flask handoff-explain`` prints it.
        kid: The key that signed. This and the rest are None unless the signature is good.
        jwt_id: The claim ``jti``, where it is fit for a log.
        issuer: The claim ``iss``, where it is fit for a log.
    """

    check: str
    kid: str | None = None
    jwt_id: str | None = None
    issuer: str | None = None


class HandoffError(Exception):
    """Base of every error that this library raises on purpose.

    Where a check of a token raised it, ``refusal`` says which one; else it is None.
    """

    code: ClassVar[str] = "handoff"
    refusal: Refusal | None = None


class ConfigurationError(HandoffError):
    """A setting is wrong. Raised at start-up, never while a request is answered.

    Args:
        problem: What is wrong, as one sentence.
        remedy: What to do about it, as one sentence.
    """

    code = "configuration"

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


class DependencyUnavailableError(HandoffError):
    """Something needed for a verdict is out of reach: nobody is signed in (HTTP 503)."""

    code = "dependency_unavailable"
