"""What happened, for the log and for the listeners of a signal."""

from __future__ import annotations

import logging
from typing import Any, Literal

from blinker import NamedSignal

from flask_handoff.errors import HandoffError, TokenClaimError

from .current import this_app
from .request_guards import request_id

_log = logging.getLogger("flask_handoff")


def send(signal: NamedSignal, **facts: Any) -> None:
    """Send a signal with the current application as sender, and the request's identifier."""
    signal.send(this_app(), **facts, request_id=request_id())


def report_rejected(
    kind: Literal["handoff", "logout", "access token", "revocation"],
    signal: NamedSignal,
    error: HandoffError,
    *,
    compare: str | None = None,
) -> None:
    """Write the line of a token that was refused, and send the signal.

    *compare* names the settings that are wrong as a rule where that happens to all.

    What is not genuine, anybody can have written: of such a token nothing is repeated.
    """
    _log.warning(
        "%s rejected: code=%s check=%s claim=%s kid=%s jti=%s iss=%s reason=%s request_id=%s",
        kind,
        error.code,
        error.check or "-",
        error.claim if isinstance(error, TokenClaimError) else "-",
        error.kid or "-",
        error.jwt_id or "-",
        error.issuer or "-",
        error if compare is None else f"{error}; compare {compare}",
        request_id(),
    )
    send(signal, error=error)
