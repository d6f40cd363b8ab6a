"""SERVER2's side: begins every handoff, judges what comes back, and signs the person in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from urllib.parse import urlencode

from flask import Blueprint, Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_handoff.claims import (
    Arrival,
    Clock,
    HandoffClaims,
    LiveSession,
    UnverifiedToken,
    system_clock,
)
from flask_handoff.errors import (
    AttemptUnknownError,
    AuthorizationFailedError,
    DependencyUnavailableError,
    HandoffRejectedError,
    RequestMalformedError,
    ResponseIssuerError,
)
from flask_handoff.keys import JWKSClient, KeySource, PinnedKeys
from flask_handoff.profiles import PROFILES
from flask_handoff.signals import handoff_accepted, handoff_rejected
from flask_handoff.stores import ReplayStore
from flask_handoff.tokens import TokenVerifier
from flask_handoff.web import request_id
from flask_handoff.web.parameters import sent_values, unverified_parameters
from flask_handoff.web.rejection_log import report_rejected
from flask_handoff.web.request_guards import answer_only_to
from flask_handoff.web.responses import (
    TEMPLATES,
    error_page,
    landing_page,
    post_page,
    private,
    refuse_head,
)

from .attempts import Attempt, AttemptCookies
from .backchannel import EndSessionsHook, Logouts
from .callback import check_query, read_callback
from .config import ReceiverConfig
from .leaked_tokens import LeakedTokens
from .login_request import LoginRequest

_EXTENSION = "handoff_receiver"
_RETRY_AFTER = "5"  # seconds

SignInHook = Callable[[Arrival], str]
LiveSessionHook = Callable[[], LiveSession | None]

_ERROR_SENTENCES = {
    "access_denied": "You are signed in, but your account has no access to this service. "
    "Ask whoever runs the sign-in server to grant it.",
    "login_required": "You are not signed in at the sign-in server.",
    "interaction_required": "The sign-in server has to ask you something first.",
    "temporarily_unavailable": "The sign-in server cannot answer just now.",
    "server_error": "The sign-in server could not answer.",
    "invalid_request": "The sign-in server did not accept the request of this service.",
    "invalid_scope": "The sign-in server did not accept the request of this service.",
    "unauthorized_client": "The sign-in server did not accept the request of this service.",
    "unsupported_response_type": "The sign-in server did not accept the request of this service.",
}


@dataclass(frozen=True, slots=True)
class _Receiver:
    """What belongs to one application."""

    config: ReceiverConfig
    keys: KeySource
    replay_store: ReplayStore
    verifier: TokenVerifier
    leaked_tokens: LeakedTokens
    attempts: AttemptCookies
    logouts: Logouts | None
    clock: Clock


class HandoffReceiver:
    """The Flask extension of the server that trusts SERVER1.

    Args:
        sign_in: Called with the ``Arrival`` of a person whose token has passed every check. Ends
            the session that this browser held, opens a new one, and returns its handle.
        live_session: Asked which live session this browser holds; None for none.
        end_sessions: Called with a ``Logout`` when sessions at the issuer have ended. Ends every
            session here that came from them, in whatever browser and process, and returns when
            they are dead. None: the issuer's log-outs are not listened to.

    Sources: OpenID Connect Core 1.0, sections 3.2.2 and 4; OAuth 2.0 Form Post Response Mode;
    OpenID Connect Back-Channel Logout 1.0.
    """

    def __init__(
        self,
        *,
        sign_in: SignInHook,
        live_session: LiveSessionHook,
        end_sessions: EndSessionsHook | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._live_session = live_session
        self._end_sessions = end_sessions

    def init_app(
        self,
        app: Flask,
        *,
        replay_store: ReplayStore,
        keys: KeySource | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Check the settings and add the endpoints to *app*. Nothing is fetched yet.

        Args:
            app: The application.
            replay_store: Remembers used tokens; there is no default, because one that forgets at
                a restart, or is not shared by all processes, lets tokens in twice. With
                ``end_sessions`` it is a ``LogoutStore`` as well.
            keys: The issuer's public keys; as a rule left to the settings.
            clock: Tells the time.

        Raises:
            ConfigurationError: A setting is missing or wrong.
        """
        config = ReceiverConfig.from_app(app)
        keys = keys or _keys(config)
        logouts = self._end_sessions and Logouts.listen(
            self._end_sessions, config=config, keys=keys, store=replay_store, clock=clock
        )
        verifier = TokenVerifier(
            issuer=config.issuer,
            audience=config.client_id,
            keys=keys,
            replay_store=replay_store,
            profile=PROFILES[config.policy],
            clock=clock,
            logout_store=None if logouts is None else logouts.store,
        )
        app.extensions[_EXTENSION] = _Receiver(
            config=config,
            keys=keys,
            replay_store=replay_store,
            verifier=verifier,
            leaked_tokens=LeakedTokens(verifier),
            attempts=AttemptCookies(
                prefix=config.attempt_cookie,
                secure=config.base_url.startswith("https://"),
                clock=clock,
            ),
            logouts=logouts,
            clock=clock,
        )
        answer_only_to(app, config.base_url, config.internal_hosts)
        app.register_blueprint(self._blueprint(logouts))

    def login_url(
        self,
        target: str | None = None,
        *,
        prompt: str | None = None,
        max_age: timedelta | None = None,
    ) -> str:
        """Return the address of a link that begins a handoff.

        Args:
            target: The path to end on; None for the default target.
            prompt: ``login`` asks for the password again, ``none`` asks for nothing.
            max_age: How old the user's authentication may be.
        """
        parameters = {"target_link_uri": target, "prompt": prompt}
        if max_age is not None:
            parameters["max_age"] = str(int(max_age.total_seconds()))
        given = {name: value for name, value in parameters.items() if value is not None}
        path = url_for("handoff_receiver.login")
        return f"{path}?{urlencode(given)}" if given else path

    def check_ready(self) -> None:
        """Return when handoffs can be judged.

        Raises:
            JWKSUnavailableError: No usable key is held and none can be had.
            ReplayStoreUnavailableError: The store is out of reach.
        """
        receiver = _receiver()
        receiver.keys.ready()
        receiver.replay_store.ready()
        receiver.leaked_tokens.catch_up()

    def clock_difference(self) -> timedelta | None:
        """Return the issuer's clock minus ours, to a second or two.

        Sign-ins fail from five seconds on. None when the keys are not fetched, or not yet, or when
        the issuer tells no time.
        """
        keys = _receiver().keys
        return keys.clock_difference if isinstance(keys, JWKSClient) else None

    def _blueprint(self, logouts: Logouts | None) -> Blueprint:
        blueprint = Blueprint(
            "handoff_receiver", __name__, url_prefix="/sso", template_folder=TEMPLATES
        )
        blueprint.before_request(refuse_head("handoff_receiver.login", "handoff_receiver.callback"))
        both = ["GET", "POST"]
        blueprint.add_url_rule("/login", "login", private(_login), methods=both)
        blueprint.add_url_rule("/callback", "callback", private(self._callback), methods=both)
        blueprint.add_url_rule("/finish", "finish", private(self._finish), methods=["POST"])
        if logouts is not None:
            logouts.answer_at(blueprint)
        blueprint.register_error_handler(HandoffRejectedError, _rejected)
        blueprint.register_error_handler(DependencyUnavailableError, _unavailable)
        return blueprint

    def _callback(self) -> Response:
        config = _receiver().config
        with _leaked_token_spent():
            fields = read_callback(unverified_parameters(), config)
            if request.method == "POST":
                # The Lax cookie stays away from SERVER1's POST, but comes with our own.
                return post_page(url_for(".finish"), fields)
            check_query(fields, config)
            return self._judge(fields)

    def _finish(self) -> Response:
        with _leaked_token_spent():
            return self._judge(read_callback(unverified_parameters(), _receiver().config))

    def _judge(self, fields: Mapping[str, str]) -> Response:
        receiver = _receiver()
        if fields.get("iss", receiver.config.issuer) != receiver.config.issuer:
            raise ResponseIssuerError("iss: not the issuer that was asked")
        attempt = _find_attempt(receiver, fields["state"])
        if "error" in fields:
            return _failed(receiver, attempt, fields["error"])
        token = UnverifiedToken(fields["id_token"])
        token_sha256 = hashlib.sha256(token.encode()).hexdigest()
        if attempt is None and (landed := self._landed_before(token_sha256)):
            return _land(receiver, landed)
        try:
            claims = _verify(receiver, token, attempt)
            return self._arrive(receiver, cast(Attempt, attempt), claims, token_sha256)
        except HandoffRejectedError as error:
            return _rejected(error, attempt)

    def _landed_before(self, token_sha256: str) -> str | None:
        """Return where this browser went with the same token before, if that session lives."""
        session = self._live_session()
        if session is None or not hmac.compare_digest(session.token_sha256, token_sha256):
            return None
        return session.target

    def _arrive(
        self, receiver: _Receiver, attempt: Attempt, claims: HandoffClaims, token_sha256: str
    ) -> Response:
        handle = self._sign_in(
            Arrival(claims=claims, target=attempt.target, token_sha256=token_sha256)
        )
        if receiver.logouts is not None:
            receiver.logouts.check_arrival(claims)
        handoff_accepted.send(
            current_app._get_current_object(),  # type: ignore[attr-defined]
            claims=claims,
            handle=handle,
            request_id=request_id(),
        )
        response = _land(receiver, attempt.target)
        receiver.attempts.forget(response, attempt)
        return response


def _login() -> Response:
    receiver = _receiver()
    login = LoginRequest.read(unverified_parameters(), receiver.config)
    receiver.keys.ready()
    attempt = Attempt.begin(login.target, login.max_age, receiver.clock())
    response = redirect(login.authorization_url(receiver.config, attempt), 303)
    receiver.attempts.keep(request, response, attempt)
    return response


@contextmanager
def _leaked_token_spent() -> Iterator[None]:
    """Spend the token of an answer that is refused before it is judged, whatever is wrong with it.

    Whoever chose the nonce may spoil the rest of the answer, so that it is refused in the browser
    that they led it to, and then use the token in their own. Where the answer has a live attempt it
    stays good: whoever altered the answer has no use for it, and the right one may still come.
    """
    try:
        yield
    except (HandoffRejectedError, HTTPException):
        receiver, tokens, states = _receiver(), sent_values("id_token"), sent_values("state")
        if len(tokens) == 1 and not _has_live_attempt(receiver, states):
            with suppress(HandoffRejectedError):
                receiver.leaked_tokens.spend(UnverifiedToken(tokens[0]))
        raise


def _has_live_attempt(receiver: _Receiver, unverified_states: Sequence[str]) -> bool:
    with suppress(RequestMalformedError):
        return len(unverified_states) == 1 and bool(_find_attempt(receiver, unverified_states[0]))
    return False


def _find_attempt(receiver: _Receiver, unverified_state: str) -> Attempt | None:
    try:
        return receiver.attempts.find(request, unverified_state)
    except AttemptUnknownError:
        return None


def _verify(receiver: _Receiver, token: UnverifiedToken, attempt: Attempt | None) -> HandoffClaims:
    receiver.leaked_tokens.catch_up()
    if attempt is None:
        receiver.leaked_tokens.spend(token)
    return receiver.verifier.verify(
        token,
        nonce=attempt.nonce,
        authenticated_after=attempt.authenticated_after,
        remember_until=attempt.ends_at,
    )


def _land(receiver: _Receiver, target: str) -> Response:
    # After our own /sso/finish a redirect does carry a Strict cookie.
    if receiver.config.landing == "refresh" and request.method == "GET":
        return landing_page(target)
    return redirect(target, 303)


def _failed(receiver: _Receiver, attempt: Attempt | None, unverified_error: str) -> Response:
    if attempt is None:
        raise AttemptUnknownError("an error came back that this browser did not ask for")
    known = unverified_error if unverified_error in _ERROR_SENTENCES else "server_error"
    error = AuthorizationFailedError(f"the issuer answered with {known}", error=known)
    report_rejected("handoff", handoff_rejected, error)
    response = error_page(
        "handoff/denied.html",
        403,
        title="You are not signed in here",
        sentence=_ERROR_SENTENCES[known],
        again_url=url_for(".login", target_link_uri=attempt.target),
        again_label="Try again",
    )
    receiver.attempts.forget(response, attempt)
    return response


def _rejected(error: HandoffRejectedError, attempt: Attempt | None = None) -> Response:
    report_rejected("handoff", handoff_rejected, error)
    malformed = isinstance(error, RequestMalformedError)
    # One page for every fault: which check failed is nobody's business but the log's.
    response = error_page(
        "handoff/rejected.html",
        400 if malformed else 403,
        title="This request is not complete" if malformed else "You are not signed in",
        sentence=(
            "Something in the address is missing, doubled or too long. Start again from here."
            if malformed
            else "This sign-in is too old, was used before, or was begun in another browser."
        ),
        again_url=url_for(".login", target_link_uri=attempt.target if attempt else None),
        again_label="Start again",
    )
    if attempt is not None:
        _receiver().attempts.forget(response, attempt)
    return response


def _unavailable(error: DependencyUnavailableError) -> Response:
    report_rejected("handoff", handoff_rejected, error)
    response = error_page(
        "handoff/unavailable.html",
        503,
        title="Signing in is not possible right now",
        sentence="Something that is needed to check your sign-in cannot be reached. "
        "You have not been signed in. Try again in a moment.",
        again_url=url_for(".login"),
        again_label="Try again",
    )
    response.headers["Retry-After"] = _RETRY_AFTER
    return response


def _keys(config: ReceiverConfig) -> KeySource:
    if config.pinned_keys is not None:
        return PinnedKeys.from_file(config.pinned_keys)
    return JWKSClient(
        config.jwks_uri, allow_http=config.jwks_allow_http, flush_file=config.jwks_flush_file
    )


def _receiver() -> _Receiver:
    return cast(_Receiver, current_app.extensions[_EXTENSION])
