"""The authorization endpoint: who is the user, may the client know, and what is it given?"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from flask import request, url_for
from werkzeug.wrappers import Response

from flask_handoff.addresses import with_parameters
from flask_handoff.claims import SignedInUser, UnverifiedToken
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationReturnedError,
    HandoffRejectedError,
    InteractionRequiredError,
)
from flask_handoff.profiles import PROFILES
from flask_handoff.signals import handoff_issued
from flask_handoff.web.events import send
from flask_handoff.web.hooks import scope_from
from flask_handoff.web.parameters import (
    ParameterReader,
    UnverifiedParameters,
    unverified_parameters,
)
from flask_handoff.web.responses import see_other

from .authorization import AuthorizationRequest, ReturnAddress, invalid_request
from .authorization_response import deliver, return_error
from .clients.audiences import Audience, choose_audience
from .context import Hooks, issuer_context


def authorize() -> Response:
    """Answer a client that sends a user, or ask that user something first.

    Sources: RFC 6749, section 4.1.1; OpenID Connect Core 1.0, sections 3.1.2 and 3.2.2.
    """
    issuer, unverified = issuer_context(), unverified_parameters()
    if "continue" in unverified:
        return _answer(carried_request(unverified))
    address = ReturnAddress.read(unverified, issuer.clients)
    try:
        pending = AuthorizationRequest.read(
            unverified,
            address,
            issuer.clock(),
            response_types=issuer.carrier.response_types,
            offline_access=issuer.carrier.offline_access,
        )
        pending = _with_hinted_subject(pending, unverified)
    except AuthorizationReturnedError as error:
        return return_error(address, error)
    if request.method == "POST":
        # A Lax session cookie stays away from a cross-site POST, but comes with this redirect.
        return see_other(resume_url(issuer.carrier.pack(pending)))
    return _answer(pending)


def _with_hinted_subject(
    pending: AuthorizationRequest, unverified: UnverifiedParameters
) -> AuthorizationRequest:
    """Put the user whom an ID Token hint names in its place: the token is too long to be carried.

    Raises:
        AuthorizationReturnedError: It is none of ours, or of a key that is withdrawn. Whom it names
            cannot be told, so nobody's token may answer it. Or it is sent twice.

    Source: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.1.2.2.
    """
    # Who sends the parameter itself gets no more by it than by no hint at all.
    if "id_token_hint" not in unverified:
        return pending
    hint = ParameterReader(unverified, invalid_request).text("id_token_hint")
    if hint is None:
        return pending
    try:
        subject = issuer_context().hints.verify(UnverifiedToken(hint)).subject
    except HandoffRejectedError as error:
        raise AuthorizationReturnedError(
            f"id_token_hint: check {error.check}: {error}", error="login_required"
        ) from error
    return pending.with_hinted_subject(subject)


def carried_value(unverified: UnverifiedParameters) -> str | None:
    """Return the signed value that carries a request, as it came; None where there is none."""
    return ParameterReader(unverified, AuthorizationExpiredError).text("continue")


def carried_request(unverified: UnverifiedParameters) -> AuthorizationRequest:
    """Return the request that a signed value carries.

    Raises:
        AuthorizationRequestError: As ``RequestCarrier.unpack``.
    """
    issuer = issuer_context()
    return issuer.carrier.unpack(carried_value(unverified) or "", issuer.clock())


def resume_url(carried: str) -> str:
    """Return where a request goes on that was carried."""
    return with_parameters(url_for("handoff_issuer.authorize"), {"continue": carried})


def _answer(pending: AuthorizationRequest) -> Response:
    try:
        return issuer_context().valid_after.when_due(partial(_grant, pending))
    except AuthorizationReturnedError as error:
        # The transaction is undone by now: nothing was granted to who has to do something first.
        if isinstance(error, InteractionRequiredError) and "none" not in pending.prompts:
            return _ask(pending, error.endpoint, error.error)
        return return_error(pending.address, error)


def _grant(pending: AuthorizationRequest) -> Response:
    issuer, client = issuer_context(), pending.address.client
    hooks, date = issuer.hooks, issuer.valid_after.now()
    audience = _audience(pending)  # before anybody signs in for what cannot be met
    with hooks.transaction():
        user = hooks.signed_in_user()
        if user is None or pending.needs_sign_in(user):
            return _ask(pending, hooks.login_endpoint, "login_required")
        if pending.hinted_subject not in (None, user.subject):
            raise AuthorizationReturnedError(
                "another user is signed in than the id_token_hint names", error="login_required"
            )
        if hooks.consent_endpoint is not None and _needs_consent(pending, user, hooks):
            return _ask(pending, hooks.consent_endpoint, "consent_required")
        granted = hooks.granted_scope(user, client, pending.scope)
        granted = scope_from("granted_scope", granted, pending.scope)
        scope = (granted | {"openid"}) & pending.scope
        issuer.valid_after.check_due(date, client.client_id, user.subject, user.session_id)
        code = None if audience is None else _code(pending, user, scope, audience, date)
    answer = {"id_token": _mint(pending, user, scope, date)} if code is None else {"code": code}
    send(handoff_issued, user=user, client=client, scope=scope)
    return deliver(pending.address, answer)


def _audience(pending: AuthorizationRequest) -> Audience | None:
    """Return who the access token of a code is for; None where there will be none."""
    if pending.response_type != "code":
        return None
    issuer = issuer_context()
    return choose_audience(
        pending.scope, pending.resource, issuer=issuer.config.issuer, clients=issuer.clients
    )


def _needs_consent(pending: AuthorizationRequest, user: SignedInUser, hooks: Hooks) -> bool:
    client = pending.address.client
    if client.first_party or hooks.consented_at is None:
        return False
    consented_at = hooks.consented_at(user, client, pending.scope)
    if consented_at is None:
        return True
    return "consent" in pending.prompts and consented_at < pending.arrived_at


def _ask(pending: AuthorizationRequest, endpoint: str, error: str) -> Response:
    """Lead the user to a page that asks them something; tell a client that forbids it.

    Source: OpenID Connect Core 1.0, section 3.1.2.6.
    """
    if "none" in pending.prompts:
        raise AuthorizationReturnedError("the user has to be asked first", error=error)
    carried = issuer_context().carrier.pack(pending)
    return see_other(with_parameters(url_for(endpoint), {"continue": carried}))


def _code(
    pending: AuthorizationRequest,
    user: SignedInUser,
    scope: frozenset[str],
    audience: Audience,
    date: datetime,
) -> str:
    issuer = issuer_context()
    assert issuer.codes is not None  # noqa: S101 - else no request for a code is read
    return issuer.codes.issue(pending, user, scope, audience, date)


def _mint(
    pending: AuthorizationRequest, user: SignedInUser, scope: frozenset[str], date: datetime
) -> str:
    client = pending.address.client
    return issuer_context().minter.mint(
        PROFILES[client.policy],
        user,
        audience=client.client_id,
        nonce=pending.nonce,
        scope=scope,
        issued_at=date,
    )
