"""Revocation notices at an API: one signed notice, server to server, ends access tokens."""

from __future__ import annotations

import logging
from typing import NamedTuple

from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    DependencyUnavailableError,
    HandoffError,
    RequestMalformedError,
)
from flask_handoff.signals import revocation_accepted, revocation_rejected
from flask_handoff.tokens import RevocationNoticeVerifier
from flask_handoff.tokens.verification import fit_for_a_log
from flask_handoff.web.current import this_app, this_request
from flask_handoff.web.events import report_rejected, send
from flask_handoff.web.registration import register_endpoints
from flask_handoff.web.request_guards import check_body, guard_endpoints, request_id
from flask_handoff.web.responses import json_response, make_private

from .revocation import RevocationStrategy

EXTENSION = "handoff_revocation_notices"

_BLUEPRINT = "handoff_api"
_CONTENT_TYPE = "application/secevent+jwt"

_log = logging.getLogger("flask_handoff")


class Notices(NamedTuple):
    """What an API needs that is notified of revocations."""

    verifier: RevocationNoticeVerifier
    strategy: RevocationStrategy


def take_notices(
    app: Flask, notices: Notices, *, base_url: str, url_prefix: str, internal_hosts: frozenset[str]
) -> None:
    """Add ``POST /sso/revocations``; it answers to the base URL and to internal hosts."""
    app.extensions[EXTENSION] = notices
    blueprint = Blueprint(_BLUEPRINT, __name__, url_prefix=url_prefix or None)
    blueprint.before_request(check_body)
    blueprint.after_request(make_private)
    blueprint.add_url_rule("/revocations", view_func=revocations, methods=["POST"])
    register_endpoints(app, blueprint)
    guard_endpoints(app, _BLUEPRINT, base_url, internal_hosts, ["revocations"])


def revocations() -> Response:
    """Answer a request with a notice: 202 when it is noted, 400 when it is refused.

    503 where a store is out of reach: the sender comes again. No cookie is read or set, and
    nothing that came is repeated.

    Source: RFC 8935, sections 2.2 to 2.4.
    """
    notices: Notices = this_app().extensions[EXTENSION]
    try:
        revocation = notices.verifier.verify(_read_token())
        notices.strategy.note(revocation)
    except HandoffError as error:
        report_rejected("revocation", revocation_rejected, error)
        return _refuse(unavailable=isinstance(error, DependencyUnavailableError))
    claim, name = revocation.named_by
    _log.info(
        "revocation accepted: %s=%s date=%s request_id=%s",
        claim or "everything",
        fit_for_a_log(name) or "-",
        revocation.dated.isoformat(),
        request_id(),
    )
    send(revocation_accepted, revocation=revocation)
    return this_app().response_class(status=202, mimetype="text/plain")


def _read_token() -> UnverifiedToken:
    request = this_request()
    if request.query_string or request.headers.get("Content-Type") != _CONTENT_TYPE:
        raise RequestMalformedError(f"expected {_CONTENT_TYPE}, and no query")
    try:
        return UnverifiedToken(request.get_data().decode("ascii"))
    except UnicodeDecodeError:
        raise RequestMalformedError("the body is no token") from None


def _refuse(*, unavailable: bool) -> Response:
    # What is wrong with a notice, only the log tells: whoever forges one shall not learn it.
    description = f"Refused. The log of this service says why: {request_id()}"
    members = {"err": "invalid_request", "description": description}
    response = json_response(members, 503 if unavailable else 400)
    if unavailable:
        response.headers["Retry-After"] = "5"  # seconds
    return response
