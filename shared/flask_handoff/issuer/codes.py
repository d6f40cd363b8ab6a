"""Authorization codes: one is issued instead of a token, and exchanged for tokens once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask_handoff import base64url
from flask_handoff.claims import CodeGrant, SignedInUser
from flask_handoff.errors import (
    CodeInvalidError,
    CodeReplayedError,
    CodeVerifierError,
    ConfigurationError,
    TokenRequestError,
    TokenRevokedError,
)
from flask_handoff.profiles import ACCESS
from flask_handoff.signals import tokens_issued
from flask_handoff.stores import CodeStore, RefreshStore
from flask_handoff.web.events import send
from flask_handoff.web.parameters import ParameterReader

from .authorization import AuthorizationRequest
from .clients import Client
from .clients.audiences import Audience, check_resources
from .grants import TokenUserHook, one_transaction, sha256
from .refresh_tokens import RefreshTokens, derived_secret, family_id_of
from .valid_after import ValidAfterRule

LIFETIME = timedelta(seconds=60)
REMEMBERED = LIFETIME + ACCESS.lifetime + ACCESS.leeway + timedelta(seconds=60)
"""As long as its access token may be used, a second use of a code is noticed."""

_CODE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class Redeemed(NamedTuple):
    """What a code was exchanged for."""

    grant: CodeGrant
    user: SignedInUser
    refresh_token: str | None
    issued_at: datetime  # of the tokens to be made


class Codes(NamedTuple):
    """What an issuer needs that issues codes: where they are kept, and whose they are."""

    store: CodeStore
    token_user: TokenUserHook
    valid_after: ValidAfterRule
    refresh_tokens: RefreshTokens | None = None

    @classmethod
    def of(
        cls,
        store: CodeStore | None,
        refresh: RefreshStore | None,
        token_user: TokenUserHook | None,
        valid_after: ValidAfterRule,
        secret_keys: Sequence[Any],
    ) -> Codes | None:
        """Put together what an application gave; None where it issues no codes.

        Raises:
            ConfigurationError: One of them is missing.
        """
        if store is None:
            if refresh is not None:
                raise ConfigurationError(
                    "HandoffIssuer was given a store of refresh tokens, and none of codes.",
                    "Give it the argument codes: a refresh token comes with a code.",
                )
            return None
        if token_user is None:
            raise ConfigurationError(
                "HandoffIssuer was given a store of codes, and cannot tell whose they are.",
                "Give it the argument token_user.",
            )
        if refresh is None:
            return cls(store, token_user, valid_after)
        secrets_of_tokens = [derived_secret(key) for key in reversed(secret_keys)]
        families = RefreshTokens(refresh, token_user, valid_after, secrets_of_tokens)
        return cls(store, token_user, valid_after, families)

    def issue(
        self,
        request: AuthorizationRequest,
        user: SignedInUser,
        scope: frozenset[str],
        audience: Audience,
        now: datetime,
    ) -> str:
        """Make a code for what a user was granted, good for 60 seconds.

        Returns:
            256 random bits in base64url. Only the hash is kept.

        Raises:
            CodeStoreUnavailableError: It cannot be kept.

        Source: RFC 6749, sections 4.1.2 and 10.5.
        """
        code = secrets.token_urlsafe(32)
        grant = CodeGrant(
            client_id=request.address.client.client_id,
            redirect_uri=request.address.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            subject=user.subject,
            session_id=user.session_id,
            auth_time=user.auth_time,
            scope=scope,
            audience=audience.name,
            access_scope=scope & audience.scopes,
            jwt_id=secrets.token_urlsafe(32),
            issued_at=now.replace(microsecond=0),
        )
        self.store.keep(
            sha256(code),
            grant,
            expires_at=int((now + LIFETIME).timestamp()),
            forget_at=int((now + REMEMBERED).timestamp()),
            now=int(now.timestamp()),
        )
        return code

    def redeem(self, client: Client, read: ParameterReader, now: datetime) -> Redeemed:
        """Exchange the code in a request of this client for what it stands for, once.

        Whatever is wrong with the rest of the request, the code is spent: it has been seen where
        it does not belong. Nothing else ends, see ``CodeVerifierError``. Where an application that
        lends its transactions cannot note what happens, the code is as good as before.

        Raises:
            TokenRequestError: A parameter is missing, sent twice or not of its form.
            CodeInvalidError: The code is not good for this request, or the session that granted it
                has ended; its subclasses say more, to the log.
            CodeStoreUnavailableError: It cannot be told.
            RefreshStoreUnavailableError: The refresh token that comes with it cannot be kept.

        Sources: RFC 6749, section 4.1.3; RFC 7636, section 4.6; RFC 9700, section 4.8.2.
        """
        code = read.text("code")
        if code is None:
            raise TokenRequestError("code: missing")
        if _CODE.fullmatch(code) is None:
            raise CodeInvalidError("the code is not of the form of ours")
        with one_transaction(self.store):
            try:
                return self._redeem(code, client, read, now)
            except TokenRequestError as error:
                refusal = error  # and the code stays spent: this is committed
                if isinstance(error, CodeReplayedError):
                    self._end_family(error.jwt_id)
        raise refusal

    def _redeem(self, code: str, client: Client, read: ParameterReader, now: datetime) -> Redeemed:
        grant = self.store.redeem(sha256(code), now=int(now.timestamp()))
        _check_request(grant, client, read)
        user = self.token_user(client, grant.subject, grant.session_id)
        if user is None:
            raise CodeInvalidError("the session that granted the code has ended")
        whose = (grant.client_id, grant.subject, grant.session_id)
        try:
            issued_at = self.valid_after.successor(grant.issued_at, *whose)
        except TokenRevokedError as error:
            raise CodeInvalidError(str(error)) from error
        refresh_token = self._start_family(grant, issued_at)
        send(tokens_issued, user=user, client=client, grant=grant)
        return Redeemed(grant, user, refresh_token, issued_at)

    def _start_family(self, grant: CodeGrant, now: datetime) -> str | None:
        if self.refresh_tokens is None or "offline_access" not in grant.scope:
            return None
        token = self.refresh_tokens.start(grant, now)
        try:
            # Without one transaction, a second use may have come before there was a family to end.
            self.store.check_not_revoked(grant.jwt_id)
        except TokenRevokedError as error:
            self._end_family(grant.jwt_id)
            raise CodeReplayedError("the code is used twice at once") from error
        return token

    def _end_family(self, jwt_id: str | None) -> None:
        if self.refresh_tokens is not None and jwt_id is not None:
            self.refresh_tokens.store.end(family_id=family_id_of(jwt_id))


def _check_request(grant: CodeGrant, client: Client, read: ParameterReader) -> None:
    if grant.client_id != client.client_id:
        raise CodeInvalidError("the code was issued to another client")
    if read.text("redirect_uri") != grant.redirect_uri:
        raise CodeInvalidError("redirect_uri: not the one that the code was sent to")
    _check_verifier(grant.code_challenge, read.text("code_verifier"))
    check_resources(read, grant.audience)


def _check_verifier(challenge: str | None, verifier: str | None) -> None:
    if challenge is None:
        # Else an attacker could strip the challenge from the request, and inject a code.
        if verifier is not None:
            raise CodeVerifierError("code_verifier: the code was asked for without a challenge")
        return
    if verifier is None or _VERIFIER.fullmatch(verifier) is None:
        raise CodeVerifierError("code_verifier: expected 43 to 128 of A-Z a-z 0-9 . _ ~ -")
    made = base64url.encode(hashlib.sha256(verifier.encode()).digest())
    if not hmac.compare_digest(made, challenge):
        raise CodeVerifierError("code_verifier: of another request, such as another tab's")
