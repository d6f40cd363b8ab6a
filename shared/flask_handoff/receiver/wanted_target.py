"""Which page was wanted by somebody who is not signed in now, as far as the request tells it."""

from __future__ import annotations

from contextlib import suppress

from flask import request

from flask_handoff.errors import AttemptUnknownError, RequestMalformedError
from flask_handoff.web.parameters import ParameterReader, sent_values, unverified_parameters

from .context import receiver_context
from .login_request import safe_target


def wanted_target() -> str | None:
    """Return the target of the attempt that this answers, or the one asked for; None for neither.

    Whoever starts again from an error page comes to that page and not to the default one.
    """
    receiver = receiver_context()
    states = sent_values("state")
    with suppress(RequestMalformedError, AttemptUnknownError):
        if len(states) == 1:
            return receiver.attempts.find(request, states[0]).target
    with suppress(RequestMalformedError):
        read = ParameterReader(unverified_parameters(), RequestMalformedError)
        if (unverified_target := read.text("target_link_uri") or read.text("next")) is not None:
            return safe_target(unverified_target, receiver.config)
    return None
