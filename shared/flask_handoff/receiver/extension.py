"""The Flask extension of SERVER2: begins every handoff, and has what comes back judged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, url_for
from werkzeug.wrappers import Response

from flask_handoff.addresses import with_parameters
from flask_handoff.claims import Clock, UnverifiedToken, system_clock
from flask_handoff.errors import (
    DependencyUnavailableError,
    HandoffRejectedError,
)
from flask_handoff.keys import JWKSClient, KeySource
from flask_handoff.return_to import check_return_to
from flask_handoff.stores import HasTables, ReplayStore
from flask_handoff.tokens import Explanation, TokenVerifier
from flask_handoff.tokens.explain import explain
from flask_handoff.web.arguments import check_store
from flask_handoff.web.current import this_request
from flask_handoff.web.hooks import (
    address_from,
    check_hooks,
    handle_from,
    live_session_from,
    plain_hook,
)
from flask_handoff.web.parameters import unverified_parameters
from flask_handoff.web.registration import register_endpoints
from flask_handoff.web.request_guards import guard_endpoints
from flask_handoff.web.responses import TEMPLATES, make_private, refuse_head, see_other
from flask_handoff.web.service_config import issuer_keys

from .attempts import Attempt, AttemptCookies
from .backchannel import backchannel_logout
from .callback import callback, finish
from .config import ReceiverConfig
from .context import (
    EXTENSION,
    EndSessionsHook,
    LiveSessionHook,
    Logouts,
    NotConfirmedHook,
    ReceiverContext,
    SignInHook,
    receiver_context,
)
from .landing import LandingCookie
from .leaked_tokens import LeakedTokens
from .login_request import LoginRequest, is_navigation
from .refusals import not_a_navigation, rejected, session_not_kept, unavailable

_BLUEPRINT = "handoff_receiver"


class HandoffReceiver:
    """The Flask extension of the server that trusts SERVER1.

    Args:
        sign_in: Called with the ``Arrival`` of a person whose token has passed every check. Ends
            the session that this browser held, opens a new one, and returns its handle.
        live_session: Asked which live session this browser holds; None for none.
        end_sessions: Called with a ``Logout`` when sessions at the issuer have ended. Ends every
            session here that came from them, in whatever browser and process, and returns when
            they are dead. None: the issuer's logouts are not listened to.
        not_confirmed: Called with the target of a silent handoff (``prompt=none``) when the issuer
            did not confirm that the user is still signed in there and may enter. Returns the
            address of this site to lead the browser to. None: an error page.

    Sources: OpenID Connect Core 1.0, sections 3.2.2 and 4; OAuth 2.0 Form Post Response Mode;
    OpenID Connect Back-Channel Logout 1.0; OpenID Connect RP-Initiated Logout 1.0.
    """

    def __init__(
        self,
        *,
        sign_in: SignInHook,
        live_session: LiveSessionHook,
        end_sessions: EndSessionsHook | None = None,
        not_confirmed: NotConfirmedHook | None = None,
    ) -> None:
        check_hooks(
            sign_in=sign_in,
            live_session=live_session,
            optional={"end_sessions": end_sessions, "not_confirmed": not_confirmed},
        )
        self._sign_in = sign_in
        self._live_session = live_session
        self._end_sessions = end_sessions
        self._not_confirmed = not_confirmed

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
            replay_store: Remembers used tokens; there is no default, because one that forgets at
                a restart, or is not shared by all processes, lets tokens in twice. With
                ``end_sessions`` it is a ``LogoutStore`` as well.
            keys: The issuer's public keys; as a rule left to the settings.

        Raises:
            ConfigurationError: A setting is missing or wrong, or one of these is.
        """
        check_store("replay_store", replay_store, ReplayStore)
        config = ReceiverConfig(app)
        expected: dict[str, Any] = {
            "issuer": config.issuer,
            "audience": config.client_id,
            "keys": issuer_keys(app, config, keys),
            "replay_store": replay_store,
            "clock": clock,
        }
        logouts = Logouts.of(app, config, expected, self._end_sessions)
        verifier = TokenVerifier(
            **expected,
            profile=config.profile,
            default_scope=config.default_scope,
            logout_store=None if logouts is None else logouts.store,
        )
        secure = config.base_url.startswith("https://")
        app.extensions[EXTENSION] = ReceiverContext(
            config=config,
            verifier=verifier,
            leaked_tokens=LeakedTokens(verifier),
            attempts=AttemptCookies(prefix=config.attempt_cookie, secure=secure, clock=clock),
            landings=LandingCookie.of(config, clock),
            logouts=logouts,
            sign_in=plain_hook(app, "sign_in", self._sign_in, handle_from),
            live_session=plain_hook(app, "live_session", self._live_session, live_session_from),
            not_confirmed=plain_hook(app, "not_confirmed", self._not_confirmed, address_from),
        )
        register_endpoints(app, _blueprint(config.url_prefix, listens=logouts is not None))
        guard_endpoints(
            app, _BLUEPRINT, config.base_url, config.internal_hosts, ["backchannel_logout"]
        )

    def login_url(
        self,
        target: str | None = None,
        *,
        prompt: str | None = None,
        max_age: timedelta | None = None,
        response_mode: str | None = None,
    ) -> str:
        """Return the address of a link that begins a handoff.

        Args:
            target: The path to end on; None for the default target.
            prompt: ``login`` asks for the password again; ``none`` asks for nothing, which checks
                a session that may have ended at the issuer (hook ``not_confirmed``).
            max_age: How old the user's authentication may be.
            response_mode: ``form_post`` for this handoff, where the setting says ``query``.
        """
        if not isinstance(max_age, timedelta | None):
            raise TypeError("max_age must be a timedelta, such as timedelta(seconds=30)")
        seconds = None if max_age is None else str(int(max_age.total_seconds()))
        return with_parameters(
            url_for(f"{_BLUEPRINT}.login"),
            {
                "target_link_uri": target,
                "prompt": prompt,
                "max_age": seconds,
                "response_mode": response_mode,
            },
        )

    def logout_url(
        self,
        session_id: str | None = None,
        *,
        return_to: str | None = None,
        state: str | None = None,
    ) -> str:
        """Return the address where the user is signed out at the issuer, and so at its services.

        End the session here, then redirect there with status 303. From a form, Chromium applies
        ``form-action`` to it: add the issuer's origin, and ``'self'`` to come back.

        Args:
            session_id: From the claims of the ``Arrival`` that opened the session here: it proves
                to the issuer who asks. Without it the issuer asks the user first.
            return_to: The path of this site to come back to, with the base URL in front registered
                there as one of ``post_logout_redirect_uris``. None to end at the issuer.
            state: Comes back with it.

        Raises:
            UnsafeReturnToError: The path is none of this site.

        Source: OpenID Connect RP-Initiated Logout 1.0, section 2.
        """
        receiver = receiver_context()
        config, back = receiver.config, None
        receiver.landings.sign_out()
        if return_to is not None:
            path = config.site_path(check_return_to(return_to))
            back = f"{config.base_url.removesuffix(config.base_path)}{path}"
        return with_parameters(
            config.end_session_endpoint,
            {
                "client_id": config.client_id,
                "logout_hint": session_id,
                "post_logout_redirect_uri": back,
                "state": state,
            },
        )

    def check_ready(self) -> None:
        """Return when handoffs can be judged.

        Raises:
            JWKSUnavailableError: No usable key is held and none can be fetched.
            ReplayStoreUnavailableError: The store is out of reach, no token can be claimed, or no
                logout noted.
            IssuerClockError: The clocks differ by more than the leeway.
        """
        receiver = receiver_context()
        receiver.verifier.keys.ready()
        receiver.verifier.replay_store.ready()
        if receiver.logouts is not None and isinstance(receiver.logouts.store, HasTables):
            receiver.logouts.store.check_tables("handoff_logouts")
        receiver.leaked_tokens.catch_up()
        if isinstance(keys := receiver.verifier.keys, JWKSClient):
            keys.check_clock(receiver.verifier.profile.leeway)

    def explain(self, unverified_token: UnverifiedToken) -> Explanation:
        """Say what each check makes of a token that arrives here. Nothing is spent.

        Some checks need the browser or spend the token, and are left out; see ``Explanation``.
        """
        return explain(receiver_context().verifier, unverified_token)

    def clock_difference(self) -> timedelta | None:
        """Return the issuer's clock minus ours, to a second or two.

        Sign-ins fail where it is more than ``HANDOFF_LEEWAY``. None when the keys are not fetched,
        or not yet, or when the issuer tells no time.
        """
        keys = receiver_context().verifier.keys
        return keys.clock_difference if isinstance(keys, JWKSClient) else None


def _blueprint(url_prefix: str, *, listens: bool) -> Blueprint:
    blueprint = Blueprint(
        _BLUEPRINT, __name__, url_prefix=url_prefix or None, template_folder=TEMPLATES
    )
    blueprint.before_request(refuse_head(f"{_BLUEPRINT}.login", f"{_BLUEPRINT}.callback"))
    blueprint.after_request(make_private)
    blueprint.add_url_rule("/login", "login", _login, methods=["GET", "POST"])
    blueprint.add_url_rule("/callback", "callback", callback, methods=["GET", "POST"])
    blueprint.add_url_rule("/finish", "finish", finish, methods=["POST"])
    if listens:
        blueprint.add_url_rule(
            "/backchannel-logout", view_func=backchannel_logout, methods=["POST"]
        )
    blueprint.register_error_handler(HandoffRejectedError, rejected)
    blueprint.register_error_handler(DependencyUnavailableError, unavailable)
    return blueprint


def _login() -> Response:
    receiver, request = receiver_context(), this_request()
    login = LoginRequest.read(unverified_parameters(), receiver.config)
    if not is_navigation(request):
        return not_a_navigation(login.target)
    if (not_kept := session_not_kept(receiver, login.target)) is not None:
        return not_kept
    receiver.verifier.keys.ready()
    now, silent = receiver.verifier.clock(), login.prompt == "none"
    attempt = Attempt.begin(login.target, login.max_age, now, silent=silent)
    response = see_other(login.authorization_url(receiver.config, attempt))
    receiver.attempts.keep(request, response, attempt)
    return response
