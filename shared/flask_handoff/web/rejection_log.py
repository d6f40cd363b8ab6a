"""What a receiver refused, for its log and for the listeners of a signal."""

from __future__ import annotations

import logging
from typing import Literal

from blinker import NamedSignal
from flask import current_app

from flask_handoff.errors import HandoffError, Refusal, TokenClaimError

from .request_guards import request_id

_NO_CHECK = Refusal(check="-")  # refused, or not told, before a token was looked at
_log = logging.getLogger("flask_handoff")


def report_rejected(
    kind: Literal["handoff", "logout"], signal: NamedSignal, error: HandoffError
) -> None:
    """Write the line of a token that was refused, and send the signal.

    What is not genuine, anybody can have written: of such a token nothing is repeated.
    """
    refusal = error.refusal or _NO_CHECK
    _log.warning(
        "%s rejected: code=%s check=%s claim=%s kid=%s jti=%s iss=%s reason=%s request_id=%s",
        kind,
        error.code,
        refusal.check,
        error.claim if isinstance(error, TokenClaimError) else "-",
        refusal.kid or "-",
        refusal.jwt_id or "-",
        refusal.issuer or "-",
        error,
        request_id(),
    )
    signal.send(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        error=error,
        request_id=request_id(),
    )
