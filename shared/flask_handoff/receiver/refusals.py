"""The pages of a handoff that ends without a sign-in, and its line in the log."""

from __future__ import annotations

import json
import re

from flask import url_for
from werkzeug.wrappers import Response

from flask_handoff.errors import (
    AttemptUnknownError,
    AuthorizationFailedError,
    ClockAheadError,
    DependencyUnavailableError,
    HandoffRejectedError,
    RequestMalformedError,
    SessionEndedError,
    SessionNotKeptError,
    TokenExpiredError,
    TokenNotYetValidError,
)
from flask_handoff.signals import handoff_rejected
from flask_handoff.web.current import this_request
from flask_handoff.web.events import report_rejected
from flask_handoff.web.responses import error_page, unavailable_page

from .attempts import Attempt
from .context import ReceiverContext, receiver_context
from .landing import MOST_LANDINGS, lead_on
from .wanted_target import wanted_target

_NOT_ACCEPTED = "The sign-in server did not accept the request of this service."
_ASKS_FIRST = "The sign-in server has to ask you something first."
_ERROR_SENTENCES = {
    "access_denied": "The sign-in server did not let you in: your account has no access to this "
    "service, or you did not agree. See there what is missing, or ask its operator.",
    "login_required": "You are not signed in at the sign-in server.",
    "interaction_required": _ASKS_FIRST,
    "consent_required": _ASKS_FIRST,
    "account_selection_required": _ASKS_FIRST,
    "temporarily_unavailable": "The sign-in server cannot answer just now.",
    "server_error": "The sign-in server could not answer.",
    "invalid_request": _NOT_ACCEPTED,
    "invalid_scope": _NOT_ACCEPTED,
    "unauthorized_client": _NOT_ACCEPTED,
    "unsupported_response_type": _NOT_ACCEPTED,
    "unsupported_response_mode": _NOT_ACCEPTED,
}
_ERROR_OF_ITS_OWN = (
    "The sign-in server answered with an error of its own. If that happens again, tell whoever "
    "runs this service: its log says which one."
)
# For the log: what to compare with the registration at the issuer.
_SETTINGS_BY_ERROR = {
    "invalid_request": "HANDOFF_CLIENT_ID, HANDOFF_BASE_URL and HANDOFF_RESPONSE_MODE",
    "invalid_scope": "HANDOFF_SCOPE",
    "unauthorized_client": "HANDOFF_CLIENT_ID, and that it may ask for an id_token there",
    "unsupported_response_type": "that HANDOFF_CLIENT_ID may ask for an id_token there",
    "unsupported_response_mode": "HANDOFF_RESPONSE_MODE",
}
_SETTINGS_BY_CHECK = {
    "header": "HANDOFF_POLICY, and the algorithm by which the issuer signs",
    "key": "HANDOFF_JWKS_URI, or the file of HANDOFF_PINNED_KEYS",
    "signature": "HANDOFF_JWKS_URI, or the file of HANDOFF_PINNED_KEYS",
    "required_claims": "HANDOFF_POLICY, and what the issuer puts into its tokens",
    "issuer": "HANDOFF_ISSUER",
    "response_issuer": "HANDOFF_ISSUER",
    "audience": "HANDOFF_CLIENT_ID",
    "lifetime": "HANDOFF_POLICY",
}
_USUAL_CAUSES = (
    "the browser was signed in twice within seconds, and live_session() finds no session; usual "
    "causes: processes with different SECRET_KEYs; SESSION_COOKIE_DOMAIN is not this site's; "
    "SESSION_COOKIE_SECURE on http; SESSION_COOKIE_SAMESITE=Strict without "
    "HANDOFF_LANDING=refresh; a hook that is a coroutine function; "
    "live_session reads what sign_in does not write"
)
_LONGEST_QUOTED = 200  # characters
# To a silent request (prompt=none): the user is not signed in there any more, or may not enter.
_NOT_CONFIRMED = frozenset(
    {
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
        "access_denied",
    }
)


def failed(
    receiver: ReceiverContext,
    attempt: Attempt | None,
    unverified_error: str,
    unverified_description: str | None,
) -> Response:
    """Answer where SERVER1 sent an error instead of a token. The log alone repeats its words."""
    said = quoted(unverified_error)
    if unverified_description:
        said += f": {quoted(unverified_description)}"
    if attempt is None:
        raise AttemptUnknownError(f"an error came back that this browser did not ask for: {said}")
    known = unverified_error if unverified_error in _ERROR_SENTENCES else "server_error"
    error = AuthorizationFailedError(f"the issuer answered with {said}", error=known)
    report_rejected(
        "handoff", handoff_rejected, error, compare=_SETTINGS_BY_ERROR.get(unverified_error)
    )
    sentence = _ERROR_SENTENCES.get(unverified_error, _ERROR_OF_ITS_OWN)
    response = _not_confirmed(receiver, attempt, unverified_error) or _denied(attempt, sentence)
    receiver.attempts.forget(response, attempt)
    return response


def quoted(unverified_text: str) -> str:
    """Write text for a log line: in ASCII, on one line, and without what may be a token."""
    text = re.sub(r"[A-Za-z0-9_.~+/=%-]{40,}", "[left out]", unverified_text)
    return json.dumps(text[:_LONGEST_QUOTED]).replace("\x7f", "\\u007f")


def _not_confirmed(
    receiver: ReceiverContext, attempt: Attempt, unverified_error: str
) -> Response | None:
    """Lead on by the application's hook.

    Source: OpenID Connect Core 1.0, section 3.1.2.6.
    """
    if not attempt.silent or receiver.not_confirmed is None:
        return None
    if unverified_error not in _NOT_CONFIRMED:
        return None
    return lead_on(receiver.config, receiver.not_confirmed(attempt.target))


def _denied(attempt: Attempt, sentence: str) -> Response:
    return error_page(
        "handoff/denied.html",
        403,
        title="You are not signed in here",
        sentence=sentence,
        again_url=url_for(".login", target_link_uri=attempt.target),
        again_label="Try again",
    )


def rejected(error: HandoffRejectedError, attempt: Attempt | None = None) -> Response:
    """Answer a handoff that is refused. Its attempt, where it has one, is forgotten."""
    error = _told_by_the_clock(error, attempt)
    report_rejected(
        "handoff",
        handoff_rejected,
        error,
        compare=_SETTINGS_BY_CHECK.get(error.check or error.code),
    )
    malformed = isinstance(error, RequestMalformedError)
    # One page for every fault that a stranger can make: which check failed, the log says.
    response = error_page(
        "handoff/rejected.html",
        400 if malformed else 403,
        title="This request is not complete" if malformed else "You are not signed in",
        sentence=_reason(error),
        again_url=_start_again(attempt),
        again_label="Start again",
    )
    if attempt is not None:
        receiver_context().attempts.forget(response, attempt)
    return response


def _told_by_the_clock(
    error: HandoffRejectedError, attempt: Attempt | None
) -> HandoffRejectedError:
    """Tell a clock that is ahead from an old link: nobody issues a nonce before it was made."""
    if not isinstance(error, TokenExpiredError) or attempt is None or error.issued_at is None:
        return error
    profile = receiver_context().config.profile
    early = attempt.started_at - error.issued_at - profile.backdating
    if error.nonce != attempt.nonce or early <= profile.leeway:
        return error
    told = ClockAheadError(
        f"{error}, and was issued {early.total_seconds():.0f} s before this browser asked for it: "
        "this clock is ahead, or the issuer's is behind",
        claim="exp",
    )
    vars(told).update(vars(error))  # which check it was, and whose token
    return told


def _reason(error: HandoffRejectedError) -> str:
    if isinstance(error, RequestMalformedError):
        return "Something in the address is missing, doubled or too long. Start again from here."
    if isinstance(error, TokenNotYetValidError | ClockAheadError):  # no forger gets this far
        return (
            "The clocks of this service and of the sign-in server differ too much. To start again "
            "helps only once they are set. Tell whoever runs this service."
        )
    if isinstance(error, SessionEndedError):  # nor here
        return (
            "You were signed out at the sign-in server a moment ago, perhaps in another browser. "
            "Start again. Where that leads here once more, wait ten seconds first; if it still "
            "does, tell whoever runs this service."
        )
    return (
        "This sign-in was not accepted. Where it was too old, used before, or begun in another "
        "browser, starting again helps. If it does not, tell whoever runs this service: its log "
        "says why, under the reference below."
    )


def not_a_navigation(target: str) -> Response:
    """Answer a script, a frame or a prefetch at the sign-in: nothing begins, no cookie is set.

    A page that asks in the background, once its session has ended, would push out the attempts of
    the person who signs in beside it. No line is logged: it may ask each second.
    """
    response = error_page(
        "handoff/rejected.html",
        401,
        title="You are not signed in",
        sentence="A page or a script asked for this in the background. Open it to sign in.",
        again_url=url_for(".login", target_link_uri=target),
        again_label="Sign in",
    )
    response.headers["WWW-Authenticate"] = "Cookie"  # RFC 9110, section 15.5.2, asks for a scheme
    return response


def session_not_kept(receiver: ReceiverContext, target: str) -> Response | None:
    """Answer a browser that was signed in again and again, and kept no session; None for others.

    It ends a loop that no browser ends: not every step of it is a redirect.
    """
    landings = receiver.landings.count(this_request())
    if landings < MOST_LANDINGS or receiver.live_session() is not None:
        return None
    report_rejected("handoff", handoff_rejected, SessionNotKeptError(_USUAL_CAUSES))
    response = error_page(
        "handoff/rejected.html",
        403,
        title="Your sign-in was not kept",
        sentence="You were signed in just now, and this service has forgotten it again. If your "
        "browser refuses cookies, allow them for this site. Otherwise tell whoever runs it: "
        "the log says what the usual causes are.",
        again_url=url_for(".login", target_link_uri=target),
        again_label="Try again",
    )
    receiver.landings.forget(response)
    return response


def unavailable(error: DependencyUnavailableError) -> Response:
    """Answer where keys or store are out of reach."""
    report_rejected("handoff", handoff_rejected, error)
    return unavailable_page(
        "Something that is needed to check your sign-in cannot be reached. "
        "You have not been signed in. Try again in a moment.",
        again_url=_start_again(),
        again_label="Try again",
    )


def _start_again(attempt: Attempt | None = None) -> str:
    return url_for(".login", target_link_uri=attempt.target if attempt else wanted_target())
