"""The Flask extension of SERVER1: answers a client with a token or a code for its user."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

from flask import Flask

from flask_handoff.addresses import with_parameters
from flask_handoff.claims import Clock, system_clock
from flask_handoff.keys import IssuerKeys, WatchedKeyRing
from flask_handoff.keys.signer import PROBE
from flask_handoff.stores import (
    CodeStore,
    RefreshStore,
    ReplayStore,
    RevocationStore,
    RevokedTokenStore,
)
from flask_handoff.tokens import IDTokenHintVerifier
from flask_handoff.web.arguments import check_stores
from flask_handoff.web.hooks import (
    check_context_hook,
    check_hooks,
    plain_hook,
)
from flask_handoff.web.registration import check_page, register_endpoints, when_complete
from flask_handoff.web.request_guards import guard_endpoints

from .blueprint import BLUEPRINT, FOR_MACHINES, make_blueprint
from .client_credentials import ClientScopeHook
from .clients import Client, ClientSource, CombinedClients
from .clients.assertions import ClientAssertions
from .codes import Codes
from .config import IssuerConfig, read_secret_keys
from .context import (
    EXTENSION,
    ConsentedAtHook,
    EndSessionHook,
    GrantedScopeHook,
    Hooks,
    IssuerContext,
    Logouts,
    SignedInUserHook,
    issuer_context,
)
from .grants import TokenUserHook
from .issued_tokens import IssuedTokens, own_tokens
from .logout_request import LogoutCarrier
from .notifying import NoticesOfIssuer
from .pages import PagesOfIssuer
from .request_carrier import RequestCarrier
from .valid_after import Sleep, ValidAfterHook, ValidAfterRule


class HandoffIssuer(PagesOfIssuer, NoticesOfIssuer):
    """The Flask extension of the server that knows passwords.

    Args:
        signed_in_user: Asked who is signed in on the current request; None for nobody.
        granted_scope: Asked what this user may do at that client, of what is requested. Raises
            ``AccessDeniedError`` when they may not enter it at all, ``InteractionRequiredError``
            when they may once they have done something on a page of this server.
        login_endpoint: The Flask endpoint of the sign-in page.
        transaction: Makes the context in which all of them are asked, and a code is kept. What is
            read and written in it is one transaction then; it has ended before a token is made.
        consented_at: Asked when this user agreed that the client gets all of that scope; None when
            they did not. It is not asked of first-party clients.
        consent_endpoint: The Flask endpoint of the page that asks for consent. When it has noted
            the answer, it leads to ``after_sign_in``. Given with *consented_at*, or not at all:
            then every client counts as first-party.
        token_user: For codes: asked whose session (subject, ``sid``) granted a client its code or
            access token, as this user is now; None when that session or account has ended, or the
            user has withdrawn their consent. Without a session (None) it was granted for while the
            user is away: what the answer says of a session, and of its ``auth_time``, is ignored.
        client_scope: For services, see ``Client``: asked what one may do for itself, of what it
            requests; of everything, where that is empty. With it comes ``client_credentials`` at
            ``/token``. No user's subject may be a service's ``client_id``: APIs would mix them up.
        end_session: Ends the session of this request's browser, at the request of a client that it
            entered, which it is called with; None where the request names none. With it comes
            ``/end-session``.
        logout_endpoint: The Flask endpoint of the page that asks whether to sign out, and says
            that it is done. Its form is a POST that is safe from CSRF and keeps the field
            ``continue``; then it leads to ``after_logout``. Given with *end_session*, or neither.
        valid_after: Asked for a client, a user's subject and a ``sid`` (None where there is none)
            since when what was issued counts, the latest instant that holds for any of them or for
            all: what is dated before is dead, and what comes next waits for it. A whole second,
            the first after what took everything back; None where nothing did. It is asked in the
            transaction that grants a token, and by whatever takes one.

    Sources: OpenID Connect Core 1.0, sections 3.1.2, 3.2.2 and 5.3; OpenID Connect Discovery 1.0,
    section 3; OpenID Connect RP-Initiated Logout 1.0.
    """

    def __init__(
        self,
        *,
        signed_in_user: SignedInUserHook,
        granted_scope: GrantedScopeHook,
        login_endpoint: str,
        transaction: Callable[[], AbstractContextManager[object]] = nullcontext,
        consented_at: ConsentedAtHook | None = None,
        consent_endpoint: str | None = None,
        token_user: TokenUserHook | None = None,
        client_scope: ClientScopeHook | None = None,
        end_session: EndSessionHook | None = None,
        logout_endpoint: str | None = None,
        valid_after: ValidAfterHook | None = None,
    ) -> None:
        check_hooks(
            signed_in_user=signed_in_user,
            granted_scope=granted_scope,
            transaction=transaction,
            optional={
                "consented_at": consented_at,
                "token_user": token_user,
                "client_scope": client_scope,
                "end_session": end_session,
                "valid_after": valid_after,
            },
        )
        check_context_hook("transaction", transaction)
        if (end_session is None) != (logout_endpoint is None):
            raise TypeError("end_session and logout_endpoint are given together")
        if (consented_at is None) != (consent_endpoint is None):
            raise TypeError("consented_at and consent_endpoint are given together")
        self._hooks = Hooks(
            signed_in_user,
            granted_scope,
            login_endpoint,
            transaction,
            consented_at,
            consent_endpoint,
            client_scope,
            token_user,
            valid_after,
        )
        self._end_session, self._logout_endpoint = end_session, logout_endpoint

    def init_app(
        self,
        app: Flask,
        *,
        keys: IssuerKeys | None = None,
        clients: ClientSource | None = None,
        codes: CodeStore | None = None,
        refresh_tokens: RefreshStore | None = None,
        revoked_tokens: RevokedTokenStore | None = None,
        replay_store: ReplayStore | None = None,
        clock: Clock = system_clock,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Check the settings, load the keys, and add the endpoints to *app*.

        Args:
            keys: In place of the setting ``HANDOFF_KEYS_DIRECTORY``, such as ``ExternalKeys``.
            clients: Clients beside those of ``HANDOFF_CLIENTS``, such as in a database.
            codes: Keeps authorization codes; with it come the code flow, ``/token`` and
                ``/userinfo``. One that forgets at a restart, or is not shared by all processes,
                loses codes that are on their way.
            refresh_tokens: Keeps families of refresh tokens; with it a code brings one where
                ``offline_access`` is granted. Give it the same transactions as *codes*.
            revoked_tokens: Remembers which access tokens their clients have revoked; with it come
                ``/revoke`` and ``/introspect``, where there is a ``/token``.
            replay_store: Remembers the JWTs by which clients with ``public_keys`` authenticate,
                each good once; without it none can. All processes share it. Give it the same
                transactions as *codes*: a JWT is claimed in that of its request.
            clock, sleep: Tell the time, and wait for it.

        Raises:
            ConfigurationError: A setting or a key is missing or wrong, or one of these is.
        """
        config = IssuerConfig(
            app, keys_elsewhere=keys is not None, clients_elsewhere=clients is not None
        )
        keys = keys or WatchedKeyRing(cast(Path, config.keys_directory))  # given in that case
        known = config.clients if clients is None else CombinedClients(config.clients, clients)
        secret_keys = read_secret_keys(app)
        hooks = self._hooks.plain(app)
        valid_after = ValidAfterRule(hooks.valid_after, clock, sleep)
        stores = _checked_stores(codes, refresh_tokens, revoked_tokens, replay_store)
        minter, verifier = own_tokens(config.issuer, keys, stores, valid_after, clock)
        context = app.extensions[EXTENSION] = IssuerContext(
            config=config,
            hooks=hooks,
            clients=known,
            keys=keys,
            minter=minter,
            access_verifier=verifier,
            hints=IDTokenHintVerifier(issuer=config.issuer, keys=keys),
            carrier=RequestCarrier.of(secret_keys, known, codes, refresh_tokens),
            valid_after=valid_after,
            codes=Codes.of(codes, refresh_tokens, hooks.token_user, valid_after, secret_keys),
            issued=IssuedTokens.of(revoked_tokens, verifier),
            assertions=ClientAssertions.of(config.audiences, replay_store, known, clock),
            logouts=self._logouts(app, secret_keys, known),
            clock=clock,
        )
        self._add_endpoints(app, context)

    def clients(self) -> tuple[Client, ...]:
        """Return the clients that are registered with the current application."""
        return tuple(issuer_context().clients)

    def client(self, client_id: str) -> Client:
        """Return the client of this name.

        Raises:
            ClientUnknownError: None is registered with the current application.
        """
        return issuer_context().clients.client(client_id)

    @property
    def token_endpoint(self) -> str:
        """The address at which clients of the current application ask for tokens."""
        return issuer_context().config.token_endpoint

    def continue_url(self, client: Client, target: str | None = None) -> str:
        """Return the address of a link that takes the user to *client*.

        It begins at the client, because only the client can bind the handoff to this browser.

        Args:
            client: One with an ``initiate_login_uri``.
            target: A path or a URL at the client; None for the client's own choice. Foreign clients
                expect a URL.

        Raises:
            ValueError: The client has no such address.

        Source: OpenID Connect Core 1.0, section 4.
        """
        if client.initiate_login_uri is None:
            raise ValueError(f"client {client.client_id!r} has no initiate_login_uri")
        return with_parameters(
            client.initiate_login_uri,
            {"iss": issuer_context().config.issuer, "target_link_uri": target},
        )

    def check_ready(self) -> None:
        """Return when handoffs can be signed, by the keys as they are now.

        Raises:
            SigningUnavailableError: The key that signs is elsewhere, and gives no signature.
            DependencyUnavailableError: The key directory was changed, and cannot be used as it is:
                the keys from before still sign, and no other process will start.
        """
        keys = issuer_context().keys
        if isinstance(keys, WatchedKeyRing):
            keys.check_followed()
        keys.signing_key.sign(PROBE)

    def _add_endpoints(self, app: Flask, context: IssuerContext) -> None:
        config = context.config
        pages = {
            "login_endpoint": self._hooks.login_endpoint,
            "consent_endpoint": self._hooks.consent_endpoint,
            "logout_endpoint": self._logout_endpoint,
        }

        def check_pages() -> None:
            for argument, endpoint in pages.items():
                if endpoint is not None:
                    check_page(app, argument, endpoint)

        register_endpoints(app, make_blueprint(context))
        when_complete(app, check_pages)
        guard_endpoints(app, BLUEPRINT, config.base_url, config.internal_hosts, FOR_MACHINES)

    def _logouts(self, app: Flask, secret_keys: list[Any], clients: ClientSource) -> Logouts | None:
        if self._end_session is None or self._logout_endpoint is None:
            return None
        return Logouts(
            plain_hook(app, "end_session", self._end_session),
            self._logout_endpoint,
            LogoutCarrier(secret_keys, clients),
        )


def _checked_stores(
    codes: CodeStore | None,
    refresh_tokens: RefreshStore | None,
    revoked_tokens: RevokedTokenStore | None,
    replay_store: ReplayStore | None,
) -> tuple[RevocationStore | None, ...]:
    """Return those that know what was revoked."""
    check_stores(
        codes=(codes, CodeStore),
        refresh_tokens=(refresh_tokens, RefreshStore),
        revoked_tokens=(revoked_tokens, RevokedTokenStore),
        replay_store=(replay_store, ReplayStore),
    )
    return codes, refresh_tokens, revoked_tokens
