"""The Flask extension of a service that programs call with an access token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, ParamSpec

from flask import Flask, after_this_request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from flask_handoff.claims import AccessClaims, Clock, system_clock
from flask_handoff.errors import (
    AccessTokenError,
    DependencyUnavailableError,
    HandoffRejectedError,
)
from flask_handoff.keys import KeySource
from flask_handoff.profiles import ACCESS, SCOPE_VALUE
from flask_handoff.stores import HasTables, ReplayStore, RevocationCheck, RevocationList
from flask_handoff.tokens import AccessTokenVerifier, GenuineTokens, RevocationNoticeVerifier
from flask_handoff.web.arguments import check_stores
from flask_handoff.web.bearer import bearer_token, check_scope, refuse
from flask_handoff.web.current import this_app, this_g
from flask_handoff.web.problems import problem_details
from flask_handoff.web.registration import when_complete
from flask_handoff.web.request_guards import check_body
from flask_handoff.web.service_config import issuer_keys

from .config import APIConfig
from .notices import Notices, take_notices

EXTENSION = "handoff_api"

_Arguments = ParamSpec("_Arguments")


class APIContext(NamedTuple):
    """What belongs to one application."""

    config: APIConfig
    verifier: AccessTokenVerifier
    revocation_list: RevocationList | None
    replay_store: ReplayStore | None  # of the notices


class HandoffAPI:
    """The Flask extension of a service that programs call: it protects routes, one by one.

    A route that needs an access token takes nothing in its place: no cookie lets anybody in, so a
    form of another site cannot either, and CSRF tokens have no use there.

    Sources: RFC 6750; RFC 9068, section 4.
    """

    def __init__(self) -> None:
        self._bare_views: list[Callable[..., Any]] = []

    def init_app(
        self,
        app: Flask,
        *,
        keys: KeySource | None = None,
        revocations: RevocationCheck | None = None,
        revocation_list: RevocationList | None = None,
        replay_store: ReplayStore | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Check the settings. Nothing is fetched yet.

        With a strategy of ``HANDOFF_REVOCATION`` comes the endpoint ``POST /sso/revocations``, by
        which the issuer tells of access tokens that are dead.

        Args:
            keys: The issuer's public keys; as a rule left to the settings. A ``HandoffReceiver`` of
                the same application shares its own.
            revocations: Asked whether a token was revoked, by an application that has its own way
                to know, in place of ``HANDOFF_REVOCATION``.
            revocation_list: Remembers what notices tell; all processes share it.
            replay_store: Remembers the notices themselves, each good once; all processes share it.

        Raises:
            ConfigurationError: A setting is missing or wrong, or a store is.
        """
        check_stores(
            revocation_list=(revocation_list, RevocationList),
            replay_store=(replay_store, ReplayStore),
        )
        config = APIConfig(app)
        issuer, keys = config.issuer, issuer_keys(app, config, keys)
        strategy = config.strategy(revocation_list, replay_store, clock, other=revocations)
        verifier = AccessTokenVerifier(
            issuer=issuer,
            audience=config.base_url,
            keys=keys,
            revocations=revocations or strategy,
            genuine=GenuineTokens(),
            profile=replace(ACCESS, leeway=config.leeway),
            clock=clock,
        )
        if strategy is not None and replay_store is not None:
            notice_verifier = RevocationNoticeVerifier(
                issuer=issuer,
                audience=config.client_id,
                keys=keys,
                replay_store=replay_store,
                clock=clock,
            )
            take_notices(
                app,
                Notices(notice_verifier, strategy),
                base_url=config.base_url,
                url_prefix=config.url_prefix,
                internal_hosts=config.internal_hosts,
            )
        app.extensions[EXTENSION] = APIContext(config, verifier, revocation_list, replay_store)
        when_complete(app, lambda: self._check_order(app))

    def require_token(
        self, *, scope: str
    ) -> Callable[[Callable[_Arguments, Any]], Callable[_Arguments, ResponseReturnValue]]:
        """Make a decorator that lets a view run only for a good access token with this scope.

        It stands below the route: ``@app.get(…)``, then ``@api.require_token(…)``, then the view.
        With one above its route, the application answers no request: that one would be open to all.
        Every other request is refused with status 400, 401, 403 or 503, ``WWW-Authenticate``, and
        problem details. What the view answers is kept out of caches, where it does not say
        otherwise. A body is at most ``MAX_CONTENT_LENGTH`` long, 16 KiB where that is not set.

        Args:
            scope: One value, or several with spaces between them: the token has to hold all.

        Raises:
            ValueError: It is empty, or not of the form of a scope.

        Sources: RFC 6750, sections 2, 3 and 5.3; RFC 9457.
        """
        required = scope.split(" ")
        if not all(map(SCOPE_VALUE.fullmatch, required)):
            raise ValueError("scope: expected values with single spaces between them")

        def protect(view: Callable[_Arguments, Any]) -> Callable[_Arguments, ResponseReturnValue]:
            self._bare_views.append(view)
            is_async = iscoroutinefunction(view)

            @wraps(view)
            def protected(
                *arguments: _Arguments.args, **more: _Arguments.kwargs
            ) -> ResponseReturnValue:
                after_this_request(_keep_out_of_caches)
                check_body(None)
                context = _context()
                try:
                    claims = context.verifier.verify(bearer_token())
                    check_scope(claims, *required)
                except (
                    AccessTokenError,
                    HandoffRejectedError,
                    DependencyUnavailableError,
                ) as error:
                    return refuse(error, realm=context.config.base_url, body=_problem)
                this_g().handoff_access_claims = claims
                run = this_app().ensure_sync(view) if is_async else view
                answer: ResponseReturnValue = run(*arguments, **more)
                return answer

            return protected

        return protect

    def claims(self) -> AccessClaims:
        """Return what the access token of the current request proved.

        Raises:
            RuntimeError: The route is not protected by ``require_token``.
        """
        claims: AccessClaims | None = this_g().get("handoff_access_claims")
        if claims is None:
            raise RuntimeError("this route is not protected by require_token")
        return claims

    def check_ready(self) -> None:
        """Return when access tokens can be verified: for a readiness probe.

        Raises:
            JWKSUnavailableError: No usable key is held and none can be fetched.
            RevocationListUnavailableError: What was revoked cannot be noted.
        """
        context = _context()
        context.verifier.keys.ready()
        store: object = context.revocation_list
        if isinstance(store, HasTables):
            store.check_tables()

    def _check_order(self, app: Flask) -> None:
        # A decorator above the route protects nothing: Flask has registered the bare view.
        bare = {id(view) for view in self._bare_views}
        open_to_all = [name for name, view in app.view_functions.items() if id(view) in bare]
        if open_to_all:
            raise RuntimeError(
                f"{', '.join(open_to_all)}: put require_token below the route's decorator"
            )


def _context() -> APIContext:
    context: APIContext = this_app().extensions[EXTENSION]
    return context


def _problem(status: int, *, error_description: str, **members: str) -> Response:
    return problem_details(status, error_description, **members)


def _keep_out_of_caches(response: Response) -> Response:
    there = {name.lower() for name, _value in response.headers}
    if "cache-control" not in there:
        response.headers.add("Cache-Control", "no-store")
    return response
