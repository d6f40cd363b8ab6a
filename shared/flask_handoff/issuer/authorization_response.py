"""The answer to a request for a handoff: to the client, or a page where there is no client."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from werkzeug.wrappers import Response

from flask_handoff.addresses import with_parameters
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
    HandoffError,
    SigningUnavailableError,
)
from flask_handoff.signals import handoff_refused
from flask_handoff.web import request_id
from flask_handoff.web.events import send
from flask_handoff.web.responses import error_page, post_page, see_other, unavailable_page

from .authorization import ReturnAddress
from .clients import Client
from .context import issuer_context

_log = logging.getLogger("flask_handoff")


def return_error(address: ReturnAddress, error: AuthorizationReturnedError) -> Response:
    """Tell the client why its request is refused, and the log."""
    _report(error, address.client)
    return deliver(address, {"error": error.error})


def deliver(address: ReturnAddress, answer: Mapping[str, str]) -> Response:
    """Send the user back to the client, with a token or an error."""
    fields = dict(answer, iss=issuer_context().config.issuer)
    if address.state is not None:
        fields["state"] = address.state
    if address.target_link_uri is not None:
        # Where the answer reaches another browser, whose attempts do not tell where to go on.
        fields["target_link_uri"] = address.target_link_uri
    if address.response_mode == "form_post":
        return post_page(address.redirect_uri, fields)
    return see_other(with_parameters(address.redirect_uri, fields))


def refused(error: AuthorizationRequestError) -> Response:
    """Answer a request that may not be answered to its client, with a page."""
    _report(error)
    too_late = isinstance(error, AuthorizationExpiredError)
    client, again_url = _way_back(error)
    return error_page(
        "handoff/request_refused.html",
        400,
        title="Too late" if too_late else "This request cannot be answered",
        sentence=(
            f"The sign-in took too long. Go on to {client.name} from here."
            if client
            else "The sign-in took too long. Go back to the service you came from and start again."
            if too_late
            else "The service that sent you here made a request that is not registered, "
            "or not valid. Nothing was sent to it."
        ),
        again_url=again_url,
        again_label=f"Continue to {client.name}" if client else None,
    )


def _way_back(error: AuthorizationRequestError) -> tuple[Client, str] | tuple[None, None]:
    """Return the client of a request that is only old, and where its user begins anew.

    Source: OpenID Connect Core 1.0, section 4.
    """
    issuer = issuer_context()
    content = error.content if isinstance(error, AuthorizationExpiredError) else None
    client, target = issuer.carrier.destination_of(content) or (None, None)
    if client is None or client.initiate_login_uri is None:
        return None, None
    begin = {"iss": issuer.config.issuer, "target_link_uri": target}
    return client, with_parameters(client.initiate_login_uri, begin)


def unavailable(error: SigningUnavailableError) -> Response:
    """Answer where the key that signs is out of reach: no token is issued."""
    _report(error)
    return unavailable_page(
        "Something that is needed to send you on cannot be reached. You are not signed in "
        "there yet. Wait a moment, then load this page again."
    )


def _report(error: HandoffError, client: Client | None = None) -> None:
    _log.warning(
        "handoff refused: code=%s client_id=%s reason=%s request_id=%s",
        error.code,
        "-" if client is None else client.client_id,
        error,
        request_id(),
    )
    send(handoff_refused, error=error, client=client)
