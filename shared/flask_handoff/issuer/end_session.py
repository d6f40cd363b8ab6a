"""The end session endpoint: a client sends its user here to be signed out (RP-initiated logout)."""

from __future__ import annotations

import logging

from flask import request, url_for
from werkzeug.wrappers import Response

from flask_handoff.addresses import with_parameters
from flask_handoff.errors import DependencyUnavailableError, HandoffError, LogoutRequestError
from flask_handoff.web import request_id
from flask_handoff.web.parameters import (
    ParameterReader,
    UnverifiedParameters,
    unverified_parameters,
)
from flask_handoff.web.responses import error_page, see_other, unavailable_page

from .context import Logouts, issuer_context
from .logout_request import LogoutRequest

_log = logging.getLogger("flask_handoff")


def end_session() -> Response:
    """Sign the user out where the request proves that their session entered its client; else ask.

    Source: OpenID Connect RP-Initiated Logout 1.0, sections 2 and 3.
    """
    try:
        return _answer(issuer_logouts(), unverified_parameters())
    except LogoutRequestError as error:
        _report(error)
        return error_page(
            "handoff/request_refused.html",
            400,
            title="This request cannot be answered",
            sentence="The service that sent you here made a request that is not valid, or it took "
            "too long. You are not signed out here.",
            again_url=url_for(issuer_logouts().endpoint),
            again_label="Sign out here",
        )
    except DependencyUnavailableError as error:
        _report(error)
        return unavailable_page(
            "Something that is needed to sign you out cannot be reached. You are not signed out "
            "here yet. Wait a moment, then load this page again.",
            title="Signing out is not possible right now",
        )


def _answer(logouts: Logouts, unverified: UnverifiedParameters) -> Response:
    issuer, carried = issuer_context(), carried_logout_value(unverified)
    if carried is not None:
        logout = logouts.carrier.unpack(carried, issuer.clock())
    else:
        logout = LogoutRequest.read(unverified, issuer.clients, issuer.hints)
        carried = logouts.carrier.pack(logout, issuer.clock())
    if request.method == "POST":
        # A Lax session cookie stays away from a cross-site POST, but comes with this redirect.
        return see_other(with_parameters(url_for(".end_session"), {"continue": carried}))
    with issuer.hooks.transaction():
        user = issuer.hooks.signed_in_user()
        must_ask = user is not None and not logout.is_by(user)
        if user is not None and not must_ask:
            logouts.end_session(logout.client)
    if must_ask:
        return see_other(with_parameters(url_for(logouts.endpoint), {"continue": carried}))
    return see_other(after_logout(logout, carried, default=url_for(logouts.endpoint)))


def after_logout(logout: LogoutRequest, carried: str, *, default: str) -> str:
    """Return where a user goes who is signed out: to the client, or to *default*.

    That page says so where the client wanted them at an address that is not registered.
    """
    shown = carried if logout.cannot_return else None
    return logout.return_url or with_parameters(default, {"continue": shown})


def carried_logout_value(unverified: UnverifiedParameters) -> str | None:
    """Return the signed value that carries a request, as it came; None where there is none."""
    return ParameterReader(unverified, LogoutRequestError).text("continue")


def pending_logout(unverified: UnverifiedParameters) -> tuple[LogoutRequest, str] | None:
    """Return the request that a signed value carries, and the value; None where there is none."""
    try:
        carried = carried_logout_value(unverified)
        if carried is None:
            return None
        return issuer_logouts().carrier.unpack(carried, issuer_context().clock()), carried
    except LogoutRequestError:
        return None


def issuer_logouts() -> Logouts:
    """Return what the current application's issuer needs for logouts.

    Raises:
        RuntimeError: It was given no hooks for them.
    """
    logouts = issuer_context().logouts
    if logouts is None:
        raise RuntimeError("HandoffIssuer was not given end_session and logout_endpoint")
    return logouts


def _report(error: HandoffError) -> None:
    _log.warning("logout refused: code=%s reason=%s request_id=%s", error.code, error, request_id())
