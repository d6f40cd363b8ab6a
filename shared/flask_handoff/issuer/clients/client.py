"""One registered client: who may be sent a token or a code, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask_handoff.addresses import is_plain_address, is_safe_from_others
from flask_handoff.errors import ConfigurationError
from flask_handoff.keys import VerificationKey
from flask_handoff.profiles import (
    CLIENT_ID,
    OPENID_SCOPES,
    PROFILES,
    RESPONSE_MODES,
    RESPONSE_TYPES,
    SCOPE_VALUE,
)
from flask_handoff.redaction import is_one_line, shown
from flask_handoff.setting_reader import LONGEST_URL, check_public_url

from .redirect_uris import check_redirect_uri, form_action_source, is_registered

_SECRET_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """One piece of software that SERVER1 signs users in to.

    Args:
        client_id: Its name on the wire, and the audience of its ID Tokens.
        name: What people call it; shown on pages.
        redirect_uris: The addresses that may receive an answer, compared character by character.
        initiate_login_uri: Where a handoff to it begins; None where it cannot be begun elsewhere.
        response_types: ``id_token``, ``code`` or both: what it may ask for; none for a
            service that acts for itself only.
        response_modes: How an ID Token may travel: ``query``, ``form_post`` or both. ``query`` puts
            the token into a URL. A code may travel either way; to a native app in a query alone.
        policy: ``handoff``, or ``oidc`` for receivers whose library knows only ``typ: JWT``; with
            ``code`` it is ``oidc``.
        secret_hashes: SHA-256 of each secret that it may authenticate with, hexadecimal; two while
            it changes from one to the other.
        public_keys: In place of secrets, the keys that its own JWTs are verified with
            (``private_key_jwt``); two while it changes from one to the other. Neither keys nor
            secrets: a public client, which has to use PKCE.
        allow_token_endpoint_audience: Its library knows no ``aud`` for those JWTs but the address
            of ``/token``; accept that as well. All others name the issuer.
        service: May act for itself, without a user (``client_credentials``).
        native: Runs on its user's machine: its redirect URIs may have a scheme of its own, and
            those on a loopback address any port.
        first_party: Belongs to whoever runs SERVER1: its users are not asked for consent.
        resource: What its API is named by in access tokens, an absolute URI; None without an API.
        scopes: What its API knows; no other client's API knows any of these.
        backchannel_logout_uri: Where it is notified, server to server, that sessions have ended;
            None if it is not. https, or http on this very machine.
        revocation_uri: Where its API is notified, in the same way, of access tokens that are dead;
            None if it is not.
        backchannel_logout_allow_http: Accept http to another machine for those two addresses. An
            attacker on the path can suppress the notices.
        post_logout_redirect_uris: Where its users may be sent when they have signed out here at
            its request, compared character by character.

    Raises:
        ConfigurationError: A field is not of its form.

    Sources: RFC 6749, sections 2.1, 3.1.2 and 4.4; RFC 7523, section 2.2; RFC 8252, section 7;
    RFC 8707, section 2; RFC 9700, section 2.1; OpenID Connect Core 1.0, section 4; OpenID Connect
    Back-Channel Logout 1.0, section 2.2; OpenID Connect RP-Initiated Logout 1.0, section 3.1.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    initiate_login_uri: str | None = None
    response_types: frozenset[str] = frozenset({"id_token"})
    response_modes: frozenset[str] = frozenset({"form_post"})
    policy: str = "handoff"
    secret_hashes: tuple[str, ...] = field(default=(), repr=False)
    # The hash of a client goes without them: no key can be hashed.
    public_keys: tuple[VerificationKey, ...] = field(default=(), repr=False, hash=False)
    allow_token_endpoint_audience: bool = False
    service: bool = False
    native: bool = False
    first_party: bool = False
    resource: str | None = None
    scopes: frozenset[str] = frozenset()
    backchannel_logout_uri: str | None = None
    revocation_uri: str | None = None
    backchannel_logout_allow_http: bool = False
    post_logout_redirect_uris: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        client = self._as_messages_call_it()
        for name, good, expected in self._rules():
            if not good:
                raise ConfigurationError(f"{name} of {client} is wrong.", f"Give it {expected}.")
        for field_name in ("redirect_uris", "post_logout_redirect_uris"):
            for uri in getattr(self, field_name):
                check_redirect_uri(uri, native=self.native, setting=f"{field_name} of {client}")
        if self.initiate_login_uri is not None:
            check_public_url(self.initiate_login_uri, setting=f"initiate_login_uri of {client}")

    def _as_messages_call_it(self) -> str:
        # A random client_id may be a secret in the wrong field, and so may a name of several words.
        for each in (self.name, self.client_id):
            if each.strip() and shown(each) == repr(each):
                return f"client {each!r}"
        return "the client"

    def _rules(self) -> Iterator[tuple[str, object, str]]:
        yield "client_id", CLIENT_ID.fullmatch(self.client_id), "1 to 128 of A-Z a-z 0-9 . _ ~ -"
        yield (
            "name",
            self.name.strip() and is_one_line(self.name),
            "what people call it, on one line",
        )
        may_have_no_address = self.resource or self.service
        yield "redirect_uris", self.redirect_uris or may_have_no_address, "at least one address"
        types, modes = self.response_types, self.response_modes
        has_types = (types or self.service) and types <= RESPONSE_TYPES
        yield "response_types", has_types, "id_token, code or both"
        yield "response_modes", modes and modes <= RESPONSE_MODES, "query, form_post or both"
        yield "policy", self.policy in PROFILES, "handoff or oidc"
        # Other people's libraries refuse the type that policy handoff gives an ID Token.
        yield "policy", self.policy == "oidc" or "code" not in types, "oidc, as it asks for code"
        secrets_are_hashed = all(map(_SECRET_HASH.fullmatch, self.secret_hashes))
        yield "secret_hashes", secrets_are_hashed, "the SHA-256 of each secret, hexadecimal"
        yield from self._rules_of_keys()
        resource, scopes = self.resource, self.scopes
        is_uri = resource is None or (is_plain_address(resource) and len(resource) <= LONGEST_URL)
        yield "resource", is_uri, f"an absolute http(s) URI of at most {LONGEST_URL} characters"
        are_its_own = all(map(SCOPE_VALUE.fullmatch, scopes)) and not scopes & OPENID_SCOPES
        remedy = "scopes of 1 to 64 characters, without blanks, that are not OpenID Connect's"
        yield "scopes", are_its_own, remedy
        go_together = bool(scopes) == (resource is not None)
        yield "scopes", go_together, "a resource and its scopes, or neither"
        for name in ("backchannel_logout_uri", "revocation_uri"):
            yield (
                name,
                self._may_be_notified_at(getattr(self, name)),
                "https://…, without # and user@; http:// only on loopback or, where the network "
                "itself is trusted, with backchannel_logout_allow_http",
            )

    def _may_be_notified_at(self, uri: str | None) -> bool:
        return uri is None or (
            is_plain_address(uri)
            and (self.backchannel_logout_allow_http or is_safe_from_others(uri))
        )

    def _rules_of_keys(self) -> Iterator[tuple[str, object, str]]:
        are_keys = all(isinstance(key, VerificationKey) for key in self.public_keys)
        yield "public_keys", are_keys, "its public keys, each as a JWK with a kid"
        names = {key.kid for key in self.public_keys}
        yield "public_keys", len(names) == len(self.public_keys), "each key a kid of its own"
        # Of two methods, whoever has stolen what the weaker one needs would choose that.
        yield "public_keys", not (names and self.secret_hashes), "keys or secrets, not both"
        # Else anybody who knows its name could act as it.
        yield "service", not (self.service and self.is_public), "it public_keys or secret_hashes"

    @property
    def is_public(self) -> bool:
        """Whether it cannot prove who it is.

        Source: RFC 6749, section 2.1.
        """
        return not (self.secret_hashes or self.public_keys)

    def may_redirect_to(self, unverified_redirect_uri: str) -> bool:
        """Tell whether this address is registered for it, see ``redirect_uris.is_registered``."""
        return is_registered(unverified_redirect_uri, self.redirect_uris, native=self.native)

    @property
    def redirect_origins(self) -> tuple[str, ...]:
        """The origins of its redirect URIs, for ``form-action`` of the sign-in page."""
        return self._sources(self.redirect_uris)

    @property
    def post_logout_origins(self) -> tuple[str, ...]:
        """The origins that follow a sign-out, for ``form-action`` of the page that asks for it."""
        return self._sources(self.post_logout_redirect_uris)

    def _sources(self, uris: tuple[str, ...]) -> tuple[str, ...]:
        sources = (form_action_source(uri, native=self.native) for uri in uris)
        return tuple(dict.fromkeys(sources))
