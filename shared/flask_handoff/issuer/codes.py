"""Authorization codes: one is issued instead of a token, and exchanged for tokens once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import NamedTuple

from flask_handoff import base64url
from flask_handoff.claims import CodeGrant, SignedInUser
from flask_handoff.errors import CodeInvalidError, CodeVerifierError, TokenRequestError
from flask_handoff.profiles import ACCESS
from flask_handoff.signals import tokens_issued
from flask_handoff.stores import CodeStore
from flask_handoff.web.events import send
from flask_handoff.web.parameters import ParameterReader

from .authorization import AuthorizationRequest
from .clients import Client
from .clients.audiences import Audience

LIFETIME = timedelta(seconds=60)
REMEMBERED = LIFETIME + ACCESS.lifetime + ACCESS.leeway + timedelta(seconds=60)
"""As long as its access token may be used, a second use of a code is noticed."""

_CODE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)

TokenUserHook = Callable[[Client, str, str], SignedInUser | None]


class Codes(NamedTuple):
    """What an issuer needs that issues codes: where they are kept, and whose they are."""

    store: CodeStore
    token_user: TokenUserHook

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
        )
        self.store.keep(
            _sha256(code),
            grant,
            expires_at=int((now + LIFETIME).timestamp()),
            forget_at=int((now + REMEMBERED).timestamp()),
            now=int(now.timestamp()),
        )
        return code

    def redeem(
        self, client: Client, read: ParameterReader, now: datetime
    ) -> tuple[CodeGrant, SignedInUser]:
        """Exchange the code in a request of this client for what it stands for, once.

        Whatever is wrong with the rest of the request, the code is spent: it has been seen where
        it does not belong. Nothing else ends, see ``CodeVerifierError``. Where an application that
        lends its transactions cannot note what happens, the code is as good as before.

        Raises:
            TokenRequestError: A parameter is missing, sent twice or not of its form.
            CodeInvalidError: The code is not good for this request, or the session that granted it
                has ended; its subclasses say more, to the log.
            CodeStoreUnavailableError: It cannot be told.

        Sources: RFC 6749, section 4.1.3; RFC 7636, section 4.6; RFC 9700, section 4.8.2.
        """
        code = read.text("code")
        if code is None:
            raise TokenRequestError("code: missing")
        if _CODE.fullmatch(code) is None:
            raise CodeInvalidError("the code is not of the form of ours")
        with self._transaction():
            try:
                grant = self.store.redeem(_sha256(code), now=int(now.timestamp()))
                _check_request(grant, client, read)
                user = self.token_user(client, grant.subject, grant.session_id)
            except TokenRequestError as error:
                refusal = error  # and the code stays spent: this is committed
            else:
                if user is not None:
                    send(tokens_issued, user=user, client=client, grant=grant)
                    return grant, user
                refusal = CodeInvalidError("the session that granted the code has ended")
        raise refusal

    def _transaction(self) -> AbstractContextManager[object]:
        begin: Callable[[], AbstractContextManager[object]] | None
        begin = getattr(self.store, "transaction", None)
        return nullcontext() if begin is None else begin()


def _check_request(grant: CodeGrant, client: Client, read: ParameterReader) -> None:
    if grant.client_id != client.client_id:
        raise CodeInvalidError("the code was issued to another client")
    if read.text("redirect_uri") != grant.redirect_uri:
        raise CodeInvalidError("redirect_uri: not the one that the code was sent to")
    _check_verifier(grant.code_challenge, read.text("code_verifier"))
    if not set(read.values("resource")) <= {grant.audience}:
        raise TokenRequestError("resource: not the one of the code", error="invalid_target")


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


def _sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
