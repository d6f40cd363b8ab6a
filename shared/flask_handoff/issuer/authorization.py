"""What a client asks of SERVER1 when it sends a user there: read and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from flask_handoff.claims import SignedInUser
from flask_handoff.errors import (
    AuthorizationRequestError,
    AuthorizationReturnedError,
    RedirectURIMismatchError,
    ResponseModeError,
    StateError,
)
from flask_handoff.profiles import NONCE, RESPONSE_MODES, STATE
from flask_handoff.redaction import as_log_address, shown
from flask_handoff.web.parameters import ParameterReader, UnverifiedParameters

from .clients import Client, ClientSource
from .clients.audiences import read_resource

LONGEST_STATE = 4096  # characters

_LONGEST_TARGET = 512  # characters that fit into an address beside a token; a longer one stays away

_PARAMETERS = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("prompt", "max_age", "login_hint", "code_challenge", "code_challenge_method", "resource"),
    "hinted_subject",  # of the ID Token hint, which is verified and left behind on arrival
    "target_link_uri",  # where a client of policy ``handoff`` leads its user to in the end
)
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # a SHA-256 in base64url
_REQUEST_OBJECTS = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
}
_UNSUPPORTED = {**_REQUEST_OBJECTS, "registration": "registration_not_supported"}


class ReturnAddress(NamedTuple):
    """Where the answer goes. As long as this is not known, an error is a page, never a redirect."""

    client: Client
    redirect_uri: str
    response_mode: str
    state: str | None
    target_link_uri: str | None = None  # where the user was going, as the client wrote it

    @classmethod
    def read(cls, unverified: UnverifiedParameters, clients: ClientSource) -> ReturnAddress:
        """Read the address from a request; redirect URIs are compared character by character.

        A client of policy ``handoff`` finds its attempt by the state. Without one, or with one that
        it cannot read, its answer could only bring a token to a browser that did not ask for it.

        Raises:
            ClientUnknownError: The client is not registered.
            RedirectURIMismatchError: The address is not registered for it.
            ResponseModeError: The mode is missing, unknown or not registered for it; it may be
                missing beside a request object, which ``AuthorizationRequest.read`` refuses.
            StateError: ``state`` is over 4,096 characters, or not of the form of the policy.
            AuthorizationRequestError: One of them is sent twice.

        Sources: RFC 6749, sections 3.1.2 and 4.1.2.1; OpenID Connect Core 1.0, sections 3.1.2.6
        and 6.
        """
        read = ParameterReader(unverified, AuthorizationRequestError)
        client = clients.client(read.text("client_id") or "")
        redirect_uri = read.text("redirect_uri") or ""
        if not client.may_redirect_to(redirect_uri):
            raise RedirectURIMismatchError(
                f"not registered for client {client.client_id!r}: "
                f"{as_log_address(redirect_uri)}; registered: {', '.join(client.redirect_uris)}"
            )
        default, allowed = _response_modes(unverified, client)
        named = read.text("response_mode")
        response_mode = named or default
        if response_mode not in allowed:
            # A mode that stands in a request object is not read. It is refused, in a mode that is.
            if named or not any(any(unverified.get(name, ())) for name in _REQUEST_OBJECTS):
                raise ResponseModeError(
                    f"not registered for client {client.client_id!r}: {shown(response_mode)}"
                    f"{'' if named else ', as none is named'}; "
                    f"registered: {', '.join(sorted(allowed))}; "
                    f"response types: {', '.join(sorted(client.response_types)) or 'none'}"
                )
            response_mode = min(allowed)  # ``form_post`` before ``query``
        state = read.text("state")
        if client.policy == "handoff" and STATE.fullmatch(state or "") is None:
            raise StateError("state: expected 22 to 64 letters, digits, - and _")
        if state is not None and len(state) > LONGEST_STATE:
            raise StateError(f"state: over {LONGEST_STATE} characters")
        target = read.text("target_link_uri") if client.policy == "handoff" else None
        if target is not None and len(target) > _LONGEST_TARGET:
            target = None
        return cls(client, redirect_uri, response_mode, state, target)


class AuthorizationRequest(NamedTuple):
    """One checked request for a handoff, or for a code.

    ``HandoffIssuer.pending_request`` returns it to a page that asks for consent. Beside its
    ``client`` and ``redirect_uri``, such a page may read:

    * ``scope``, a ``frozenset``: what is asked for, with ``openid`` where an ID Token is.
    * ``response_type``: ``id_token`` or ``code``.
    * ``resource``, of a code: the service that the access token is for, or None.
    * ``login_hint``: what the sign-in page may be filled with, not verified, or None.
    * ``arrived_at``: when it came, aware. It can be answered for ten minutes from then.
    """

    address: ReturnAddress
    response_type: str
    scope: frozenset[str]
    nonce: str | None  # goes into the ID Token as it came
    code_challenge: str | None  # of a code: what the client that redeems it has to know
    resource: str | None
    prompts: frozenset[str]  # of ``login``, ``consent``, ``select_account``; or ``none`` alone
    max_age: timedelta | None  # of the user's authentication at ``arrived_at``; None for any age
    login_hint: str | None
    hinted_subject: str | None  # the answer may be about this user only; None for whoever it is
    arrived_at: datetime
    parameters: Mapping[str, str]  # what the request was read from

    @property
    def client(self) -> Client:
        """Who asks."""
        return self.address.client

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes, an address that is registered for the client."""
        return self.address.redirect_uri

    @classmethod
    def read(
        cls,
        unverified: UnverifiedParameters,
        address: ReturnAddress,
        now: datetime,
        *,
        response_types: Collection[str] = frozenset({"id_token"}),
        offline_access: bool = False,
    ) -> AuthorizationRequest:
        """Read the rest of a request whose return address is good.

        Args:
            response_types: What this issuer can answer with.
            offline_access: Whether it can issue refresh tokens; else nobody is asked for them.

        Raises:
            AuthorizationReturnedError: With the ``error`` that the client is told.

        Sources: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.2.2.1; RFC 7636, section 4.3.
        """
        for parameter, error in _UNSUPPORTED.items():
            if any(unverified.get(parameter, ())):
                raise AuthorizationReturnedError(f"{parameter}: not supported", error=error)
        read = ParameterReader(unverified, invalid_request)
        response_type = _read_response_type(read, response_types, address.client)
        gets_code, resource = response_type == "code", read_resource(read)
        scope = _read_scope(read, may_be_without_openid=gets_code)
        parameters = _plain_parameters(read, scope, resource)
        if not (gets_code and offline_access):  # OpenID Connect Core 1.0, section 11
            scope -= {"offline_access"}
        return cls(
            address=address,
            response_type=response_type,
            scope=scope,
            nonce=_read_nonce(read, is_required=not gets_code),
            code_challenge=_read_challenge(read, address.client) if gets_code else None,
            resource=resource,
            prompts=_read_prompts(read),
            max_age=read.max_age(),
            login_hint=parameters.get("login_hint"),
            hinted_subject=read.text("hinted_subject"),
            arrived_at=now,
            parameters=parameters,
        )

    def with_hinted_subject(self, subject: str) -> AuthorizationRequest:
        """Return the same request, whose answer may be about this user only."""
        parameters = {**self.parameters, "hinted_subject": subject}
        return self._replace(hinted_subject=subject, parameters=parameters)

    def needs_sign_in(self, user: SignedInUser) -> bool:
        """Tell whether the user must prove who they are before this request is answered.

        To choose an account is to sign in again: a browser has one account here at a time.

        Source: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.1.2.3.
        """
        if self.prompts & {"login", "select_account"}:
            return user.auth_time < self.arrived_at
        return self.max_age is not None and user.auth_time < self.arrived_at - self.max_age


def _response_modes(
    unverified: UnverifiedParameters, client: Client
) -> tuple[str, Collection[str]]:
    """Return the mode that a request means which names none, and all that it may name.

    Source: OAuth 2.0 Multiple Response Type Encoding Practices, sections 2.1 and 3.
    """
    types = " ".join(unverified.get("response_type", ())).split()
    if "id_token" in types or "token" in types:
        return "fragment", client.response_modes  # which no client here may use
    # An app is called by an address; nobody can post to it.
    return "query", frozenset({"query"}) if client.native else RESPONSE_MODES


def _read_response_type(
    read: ParameterReader, response_types: Collection[str], client: Client
) -> str:
    response_type = read.text("response_type")
    if response_type is None:
        raise invalid_request("response_type: missing")
    if response_type not in response_types:
        expected = " or ".join(sorted(response_types))
        raise AuthorizationReturnedError(
            f"response_type: expected {expected}", error="unsupported_response_type"
        )
    if response_type not in client.response_types:
        raise AuthorizationReturnedError(
            "response_type: not registered for this client", error="unauthorized_client"
        )
    return response_type


def _read_scope(read: ParameterReader, *, may_be_without_openid: bool) -> frozenset[str]:
    values = read.scope()
    if not values or not ("openid" in values or may_be_without_openid):
        raise AuthorizationReturnedError(
            f"scope: expected a list of scopes{'' if may_be_without_openid else ' with openid'}",
            error="invalid_scope",
        )
    return values


def _plain_parameters(
    read: ParameterReader, scope: frozenset[str], resource: str | None
) -> dict[str, str]:
    """Return what a request is carried as: nothing twice, and nothing that was left out."""
    plain = {
        "scope": " ".join(sorted(scope)),
        "resource": resource,
        "login_hint": read.login_hint(),
    }
    texts = {name: plain[name] if name in plain else read.text(name) for name in _PARAMETERS}
    return {name: text for name, text in texts.items() if text}


def _read_nonce(read: ParameterReader, *, is_required: bool) -> str | None:
    nonce = read.text("nonce")
    if (nonce is None and is_required) or (nonce and NONCE.fullmatch(nonce) is None):
        raise invalid_request("nonce: expected 1 to 255 printable characters")
    return nonce


def _read_challenge(read: ParameterReader, client: Client) -> str | None:
    """Read what binds a code to whoever asked for it; a public client has nothing else.

    Sources: RFC 7636, sections 4.3 and 4.4.1; RFC 9700, section 2.1.1.
    """
    challenge, method = read.text("code_challenge"), read.text("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise invalid_request("code_challenge: missing beside its method")
        if client.is_public:
            raise invalid_request("code_challenge: required of a client without a secret")
        return None
    if method != "S256":  # none means "plain", which tells the verifier to whoever reads along
        raise invalid_request("code_challenge_method: expected S256")
    if _CHALLENGE.fullmatch(challenge) is None:
        raise invalid_request("code_challenge: expected 43 characters of base64url")
    return challenge


def _read_prompts(read: ParameterReader) -> frozenset[str]:
    prompts = frozenset((read.text("prompt") or "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        expected = "none alone, or of login, consent and select_account"
        raise invalid_request(f"prompt: expected {expected}")
    return prompts


def invalid_request(message: str) -> AuthorizationReturnedError:
    """Return what tells a client that its request is malformed."""
    return AuthorizationReturnedError(message, error="invalid_request")
