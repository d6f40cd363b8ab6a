"""The verdict on what SERVER1 sends back: a token or an error, and the attempt it is for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from flask import url_for
from werkzeug.wrappers import Response

from flask_handoff.claims import Arrival, UnverifiedToken
from flask_handoff.errors import (
    AttemptUnknownError,
    DependencyUnavailableError,
    HandoffRejectedError,
    RequestMalformedError,
    ResponseIssuerError,
)
from flask_handoff.signals import handoff_accepted
from flask_handoff.tokens.handoff_verifier import HandoffVerification
from flask_handoff.web.current import this_request
from flask_handoff.web.events import send
from flask_handoff.web.parameters import (
    ParameterReader,
    UnverifiedParameters,
    sent_values,
    unverified_parameters,
)
from flask_handoff.web.responses import post_page

from .attempts import Attempt
from .backchannel import check_arrival
from .config import ReceiverConfig
from .context import ReceiverContext, receiver_context
from .landing import lead_on
from .refusals import failed, quoted, rejected

LONGEST_QUERY_TOKEN = 3500  # characters; longer request lines are cut or refused on the way

_FIELDS = ("id_token", "error", "state", "iss")
_OF_OTHER_ANSWERS = ("code", "access_token", "response", "SAMLResponse")
_LONGEST_FIELD = 4096  # characters


def callback() -> Response:
    """Answer where SERVER1 sends the browser back to."""
    config = receiver_context().config
    with _leaked_token_invalidated():
        fields = _read_fields(config)
        if this_request().method == "POST":
            # The Lax cookie stays away from SERVER1's POST, but comes with our own.
            return post_page(url_for(".finish"), fields)
        token = fields.get("id_token", "")
        if len(token) > LONGEST_QUERY_TOKEN:
            raise RequestMalformedError("id_token: too long for a query")
        # In a query, others read it.
        if token and config.response_mode != "query":
            raise RequestMalformedError("id_token: in a query, where form_post was asked for")
        return _judge(fields)


def finish() -> Response:
    """Answer our own page, which posts on what SERVER1 had posted."""
    with _leaked_token_invalidated():
        return _judge(_read_fields(receiver_context().config))


def _read_fields(config: ReceiverConfig) -> Mapping[str, str]:
    """Read the fields of an answer; none of them is verified yet.

    Sources: OpenID Connect Core 1.0, sections 3.2.2.5 and 3.2.2.6; RFC 9207, section 2.4.
    """
    unverified = unverified_parameters()
    read = ParameterReader(unverified, RequestMalformedError)
    given = {name: value for name in _FIELDS if (value := read.text(name)) is not None}
    if ("id_token" in given) == ("error" in given):
        raise RequestMalformedError(f"expected either id_token or error{_what_came(unverified)}")
    if "state" not in given:
        # Some providers leave it out of an error, which the operator has to learn all the same.
        beside = f", beside the error {quoted(given['error'])}" if "error" in given else ""
        raise RequestMalformedError(f"state: missing{beside}")
    if "iss" not in given and config.policy == "handoff":
        raise RequestMalformedError("iss: missing")
    longest = config.profile.maximum_length
    if any(len(value) > longest for value in given.values()):
        raise RequestMalformedError("a parameter is too long")
    # Nothing is refused for these: one is for the log, one for the link of an error page.
    for name in ("error_description", "target_link_uri"):
        if 0 < len(value := " ".join(read.values(name))) <= _LONGEST_FIELD:
            given[name] = value
    return given


def _what_came(unverified: UnverifiedParameters) -> str:
    """Say for the log what an issuer that answers otherwise has sent."""
    if not unverified:
        return "; nothing came, as when the issuer answers in the fragment"
    others = [name for name in _OF_OTHER_ANSWERS if name in unverified]
    return f"; what came: {', '.join(others)}" if others else ""


def _judge(fields: Mapping[str, str]) -> Response:
    receiver = receiver_context()
    if fields.get("iss", receiver.config.issuer) != receiver.config.issuer:
        raise ResponseIssuerError("iss: not the issuer that was asked")
    attempt = _find_attempt(receiver, fields["state"])
    if "error" in fields:
        return failed(receiver, attempt, fields["error"], fields.get("error_description"))
    token = UnverifiedToken(fields["id_token"])
    token_sha256 = hashlib.sha256(token.encode()).hexdigest()
    session = receiver.live_session() if attempt is None else None
    if session and hmac.compare_digest(session.token_sha256, token_sha256):
        # A repeated callback: this browser arrived with the same token before.
        return lead_on(receiver.config, session.target)
    try:
        if attempt is None:
            receiver.leaked_tokens.invalidate(token)
        receiver.leaked_tokens.catch_up()
        case = receiver.verifier.inspect(
            token,
            nonce=attempt.nonce,
            authenticated_after=attempt.authenticated_after,
            remember_until=attempt.ends_at,
            begun_at=attempt.started_at,
        )
        handle = _arrive(receiver, case, attempt.target, token_sha256)
        send(handoff_accepted, claims=case.claims, handle=handle)
    except HandoffRejectedError as error:
        page = rejected(error, attempt)
        is_here = session and getattr(error, "account", None) == (session.issuer, session.subject)
        # The token is spent, and nothing changes: who is signed in already just goes on.
        return lead_on(receiver.config, receiver.config.default_target) if is_here else page
    response = lead_on(receiver.config, attempt.target)
    receiver.attempts.forget(response, attempt)
    receiver.landings.note(this_request(), response)
    return response


def _arrive(
    receiver: ReceiverContext, case: HandoffVerification, target: str, token_sha256: str
) -> str:
    """Spend the token and sign its user in: both or neither, where the store has transactions."""
    transaction = getattr(receiver.verifier.replay_store, "transaction", None)
    if transaction is None:
        claims = receiver.verifier.redeem(case)
        handle = receiver.sign_in(Arrival(claims, target, token_sha256))
        check_arrival(receiver, claims)
        return handle
    with transaction():
        try:
            claims = receiver.verifier.redeem(case)
        except HandoffRejectedError as error:
            refusal = error  # and what has leaked stays spent: this is committed
        else:
            return receiver.sign_in(Arrival(claims, target, token_sha256))
    raise refusal


@contextmanager
def _leaked_token_invalidated() -> Iterator[None]:
    """Invalidate the token of an answer that is refused unread, whatever is wrong with it.

    An attacker who chose the nonce may spoil the rest of the answer, so that it is refused in the
    victim's browser, and then use the token in their own; or the application's hook may fail. Where
    the answer has a live attempt it stays good: an attacker has no use for it, and the right answer
    may still come.
    """
    try:
        yield
    except Exception as error:
        receiver, tokens = receiver_context(), sent_values("id_token")
        if len(tokens) == 1 and not _has_live_attempt(receiver, sent_values("state")):
            token, leaked = UnverifiedToken(tokens[0]), receiver.leaked_tokens
            if isinstance(error, DependencyUnavailableError) and leaked.keeps(token):
                raise  # that is why; a store that hangs is not asked a second time
            with suppress(HandoffRejectedError):
                leaked.invalidate(token)
        raise


def _has_live_attempt(receiver: ReceiverContext, unverified_states: Sequence[str]) -> bool:
    with suppress(RequestMalformedError):
        return len(unverified_states) == 1 and bool(_find_attempt(receiver, unverified_states[0]))
    return False


def _find_attempt(receiver: ReceiverContext, unverified_state: str) -> Attempt | None:
    try:
        return receiver.attempts.find(this_request(), unverified_state)
    except AttemptUnknownError:
        return None
