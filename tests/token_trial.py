"""One verifier on trial: a good token is drafted, spoiled in one place, signed and presented."""

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from flask_handoff import HANDOFF, MemoryReplayStore, TokenVerifier
from flask_handoff.errors import HandoffRejectedError, ReplayStoreUnavailableError
from flask_handoff.profiles import (
    ACCESS,
    CLIENT_ASSERTION,
    LOGOUT,
    LOGOUT_EVENT,
    REVOCATION,
    TOKENS_REVOKED,
)
from flask_handoff.tokens import (
    AccessTokenVerifier,
    ClientAssertionVerifier,
    LogoutTokenVerifier,
    RevocationNoticeVerifier,
)

ISSUER = "https://server1.example.com"
CLIENT_ID = "server2"
SERVICE = "https://notes.example.com"
NONCE = "browser-bound-nonce-of-one-attempt"


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def to_json(document):
    """Write compact JSON; octets are passed through, to be as broken as they are."""
    if isinstance(document, bytes):
        return document
    return json.dumps(document, separators=(",", ":")).encode()


def rs256(private_key, octets):
    return private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())


class Draft:
    """A token before it is signed. Header and payload are dicts, or raw octets."""

    def __init__(self, header, payload, private_key):
        self.header = header
        self.payload = payload
        self.private_key = private_key
        self.sign = rs256

    @property
    def signing_input(self):
        return f"{base64url(to_json(self.header))}.{base64url(to_json(self.payload))}"

    @property
    def signature(self):
        return base64url(self.sign(self.private_key, self.signing_input.encode()))

    def signed(self):
        return f"{self.signing_input}.{self.signature}"


Change = Callable[[Draft], str | None]
"""Spoils a draft. A change that returns a text has written the whole token itself."""


class RecordingStore:
    """The store in memory, which also tells what was claimed; or one that is out of reach."""

    def __init__(self, out_of_reach=False):
        self.out_of_reach = out_of_reach
        self.claimed = []
        self.forgets_logout_at = None
        self._store = MemoryReplayStore()

    def claim(self, issuer, jwt_id, *, expires_at, now):
        self.ready()
        self._store.claim(issuer, jwt_id, expires_at=expires_at, now=now)
        self.claimed.append((issuer, jwt_id, expires_at))

    def note_logout(self, logout, *, expires_at, now):
        self.ready()
        self._store.note_logout(logout, expires_at=expires_at, now=now)
        self.forgets_logout_at = expires_at

    def check_session(self, claims):
        self.ready()
        self._store.check_session(claims)

    def ready(self):
        if self.out_of_reach:
            raise ReplayStoreUnavailableError("out of reach")


class TokenTrial:
    """A verifier with its clock, its store and the key that signs for it."""

    verifier_class: (
        type[TokenVerifier] | type[LogoutTokenVerifier] | type[RevocationNoticeVerifier]
    ) = TokenVerifier
    verifier: Any

    def __init__(self, key_ring, clock, profile=HANDOFF, keys=None):
        self.clock = clock
        self.profile = profile
        self.store = RecordingStore()
        self.signing_key = key_ring.signing_key
        self.verifier = self.verifier_class(
            issuer=ISSUER,
            audience=CLIENT_ID,
            keys=keys or key_ring,
            replay_store=self.store,
            profile=profile,
            clock=clock,
        )

    @property
    def now(self):
        return int(self.clock().timestamp())

    def draft(self):
        """A token with which nothing is wrong, from this very second."""
        return Draft(
            {"alg": "RS256", "kid": self.signing_key.kid, "typ": self.profile.typ},
            {
                "iss": ISSUER,
                "sub": "u-7d9f2c",
                "aud": CLIENT_ID,
                "iat": self.now,
                "exp": self.now + 60,
                "nonce": NONCE,
                "jti": "j" * 43,
                "sid": "a-session-at-server1",
                "auth_time": self.now - 30,
                "scope": "notes:read openid",
                "name": "Ada",
                "email": "ada@example.com",
                "email_verified": True,
            },
            self.signing_key.private_key,
        )

    def verify(self, token, **asked):
        return self.verifier.verify(token, **{"nonce": NONCE, **asked})

    def present(self, change: Change | None = None, **asked):
        """Spoil a good token and verify it."""
        draft = self.draft()
        text = change(draft) if change else None
        return self.verify(draft.signed() if text is None else text, **asked)

    def refusal(self, change: Change | None = None, **asked):
        """Return the error with which a spoiled token is refused, None when it is accepted."""
        try:
            self.present(change, **asked)
        except HandoffRejectedError as error:
            return error
        return None


class LogoutTrial(TokenTrial):
    """The same for logout tokens."""

    verifier_class = LogoutTokenVerifier

    def __init__(self, key_ring, clock, profile=LOGOUT, keys=None):
        super().__init__(key_ring, clock, profile, keys)

    def draft(self):
        return Draft(
            {"alg": "RS256", "kid": self.signing_key.kid, "typ": self.profile.typ},
            {
                "iss": ISSUER,
                "aud": CLIENT_ID,
                "iat": self.now,
                "exp": self.now + 120,
                "jti": "l" * 43,
                "sid": "a-session-at-server1",
                "sub": "u-7d9f2c",
                "toe": self.now - 30,
                "events": {LOGOUT_EVENT: {}},
            },
            self.signing_key.private_key,
        )

    def verify(self, token, **asked):
        return self.verifier.verify(token, **asked)


class NoticeTrial(TokenTrial):
    """The same for revocation notices."""

    verifier_class = RevocationNoticeVerifier

    def __init__(self, key_ring, clock):
        super().__init__(key_ring, clock, REVOCATION)

    def draft(self):
        return Draft(
            {"alg": "RS256", "kid": self.signing_key.kid, "typ": "secevent+jwt"},
            {
                "iss": ISSUER,
                "aud": CLIENT_ID,
                "iat": self.now,
                "exp": self.now + 120,
                "jti": "r" * 43,
                "events": {TOKENS_REVOKED: {"sub": "u-7d9f2c", "valid_after": self.now + 1}},
            },
            self.signing_key.private_key,
        )

    def verify(self, token, **asked):
        return self.verifier.verify(token, **asked)


class AccessTrial(TokenTrial):
    """The same for access tokens, of which no use is remembered."""

    def __init__(self, key_ring, clock, revocations=None):
        self.clock = clock
        self.profile = ACCESS
        self.signing_key = key_ring.signing_key
        self.verifier = AccessTokenVerifier(
            issuer=ISSUER, audience=SERVICE, keys=key_ring, revocations=revocations, clock=clock
        )

    def draft(self):
        return Draft(
            {"alg": "RS256", "kid": self.signing_key.kid, "typ": "at+jwt"},
            {
                "iss": ISSUER,
                "aud": SERVICE,
                "sub": "u-7d9f2c",
                "client_id": "reader",
                "iat": self.now,
                "exp": self.now + 600,
                "jti": "a" * 43,
                "sid": "a-session-at-server1",
                "scope": "notes:read notes:write",
            },
            self.signing_key.private_key,
        )

    def verify(self, token, **asked):
        return self.verifier.verify(token, **asked)


class AssertionTrial(TokenTrial):
    """The same for the assertions of one client, with the keys that it has registered."""

    def __init__(self, key_ring, clock, *, keys=None, token_endpoint=None, store=None):
        self.clock = clock
        self.profile = CLIENT_ASSERTION
        self.store = store or RecordingStore()
        self.signing_key = key_ring.signing_key
        self.verifier = ClientAssertionVerifier(
            client_id=CLIENT_ID,
            audience=ISSUER,
            keys=[self.signing_key.verification_key] if keys is None else keys,
            replay_store=self.store,
            token_endpoint=token_endpoint,
            clock=clock,
        )

    def draft(self):
        return Draft(
            {"alg": "RS256", "kid": self.signing_key.kid, "typ": "JWT"},
            {
                "iss": CLIENT_ID,
                "sub": CLIENT_ID,
                "aud": ISSUER,
                "iat": self.now,
                "exp": self.now + 60,
                "jti": "c" * 22,
            },
            self.signing_key.private_key,
        )

    def verify(self, token, **asked):
        self.verifier.verify(token, **asked)


def header(**members) -> Change:
    return lambda draft: draft.header.update(members)


def claims(**members) -> Change:
    return lambda draft: draft.payload.update(members)


def without(name) -> Change:
    """Leave out a claim."""
    return lambda draft: draft.payload.pop(name) and None


def dates(**seconds) -> Change:
    """Set dates relative to the present second."""

    def change(draft):
        now = draft.payload["iat"]
        draft.payload.update({name: now + offset for name, offset in seconds.items()})

    return change


def raw_header(rewrite) -> Change:
    """Rewrite the header's octets before they are signed."""

    def change(draft):
        draft.header = rewrite(to_json(draft.header))

    return change


def raw_payload(rewrite) -> Change:
    """Rewrite the payload's octets before they are signed."""

    def change(draft):
        draft.payload = rewrite(to_json(draft.payload))

    return change


def with_member(text):
    """Append one member, as it stands, to a JSON object."""
    return lambda document: document[:-1] + b"," + text.encode() + b"}"


def rewritten(rewrite) -> Change:
    """Rewrite the text of a token that is signed already."""
    return lambda draft: rewrite(draft.signed())
