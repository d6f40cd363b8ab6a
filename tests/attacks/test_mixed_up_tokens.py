"""Every kind of token, presented wherever another kind is expected.

Each is genuine, of this second, and names whoever it is presented to, as if the issuer had been
talked into that: nothing but its kind is wrong.
"""

import re
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask

from flask_handoff import (
    HANDOFF,
    OIDC,
    AccessTokenVerifier,
    HandoffAPI,
    HandoffRejectedError,
    Revocation,
    RevocationNoticeVerifier,
    SignedInUser,
    TokenMinter,
    UnverifiedToken,
)
from flask_handoff.issuer.clients.assertions import ASSERTION_TYPE
from flask_handoff.profiles import LOGOUT_EVENT
from flask_handoff.signals import token_revoked
from flask_handoff.stores import MemoryCodeStore, MemoryRefreshStore, MemoryRevokedTokenStore
from tests.code_client import ask, code_of, exchange, introspect, refresh, revoke
from tests.minimal_pair import (
    CLIENT,
    CODE_CLIENT,
    ISSUER,
    RECEIVER,
    Browser,
    issuer_app,
    query_of,
    receiver_app,
)
from tests.token_trial import RecordingStore

SERVICE = "https://notes.example.com"
API = {"resource": SERVICE, "scopes": ["notes:read", "notes:write"]}


class Mint:
    """Mints each kind of token for whatever audience; codes and refresh tokens have none."""

    def __init__(self, key_ring, clock, issuer):
        self._browser = Browser(issuer, None)
        self._browser.sign_in()
        self._minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
        self._key = key_ring.signing_key
        self._clock = clock
        self._user = SignedInUser("ada", "a-session", clock() - timedelta(seconds=30))
        self._asked: dict[str, Any] = {"scope": frozenset({"openid"})}

    def handoff(self, audience, nonce):
        return self._minter.mint(HANDOFF, self._user, audience=audience, nonce=nonce, **self._asked)

    def id_token(self, audience, nonce):
        return self._minter.mint(OIDC, self._user, audience=audience, nonce=nonce, **self._asked)

    def access(self, audience, nonce):
        return self._minter.mint_access(
            subject="ada",
            client_id="reader",
            audience=audience,
            session_id="a-session",
            jwt_id="j" * 43,
            **self._asked,
        )

    def code(self, *_):
        return code_of(ask(self._browser, scope="openid offline_access"))

    def refresh_token(self, *_):
        return exchange(self._browser, self.code()).json["refresh_token"]

    def logout(self, audience, nonce):
        return self._minter.mint_logout(
            audience=audience, ended_at=self._clock(), session_id="a-session", subject="ada"
        )

    def notice(self, audience, nonce):
        return self._minter.mint_revocation(
            audience=audience, revocation=Revocation(subject="ada", valid_after=self._clock())
        )

    def assertion(self, audience, nonce):
        """By a client that is called as the user is, and whose key is the issuer's."""
        now = int(self._clock().timestamp())
        claims = {"iss": "ada", "sub": "ada", "aud": audience, "jti": "j" * 43, "exp": now + 60}
        headers = {"kid": self._key.kid}
        return jwt.encode(claims, self._key.private_key, algorithm="RS256", headers=headers)

    def oidc_logout(self, audience, nonce):
        """As other issuers mint it: of the plain type that ID Tokens have."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": "ada",
            "sid": "a-session",
            "iat": now,
            "exp": now + 60,
            "jti": "j" * 43,
            "events": {LOGOUT_EVENT: {}},
        }
        headers = {"kid": self._key.kid}
        return jwt.encode(claims, self._key.private_key, algorithm="RS256", headers=headers)


class Places:
    """Presents a token at one place, and returns the check that refused it, or ``accepted``."""

    def __init__(self, key_ring, clock, caplog):
        self._key_ring, self._clock, self._caplog = key_ring, clock, caplog
        caplog.set_level("INFO")
        self.store = RecordingStore()
        service = {
            **{"client_id": "ada", "name": "Ada's", "redirect_uris": [], "response_types": []},
            **{"public_keys": [key_ring.signing_key.verification_key], "service": True},
        }
        clients = [CODE_CLIENT, {**CLIENT, **API}, service]
        stores = (MemoryCodeStore(), MemoryRefreshStore(), self.store, MemoryRevokedTokenStore())
        issuer = issuer_app(key_ring, clock, *stores, HANDOFF_CLIENTS=clients)
        self._mint = Mint(key_ring, clock, issuer)
        self._program = Browser(issuer, None)

    def present(self, kind, place):
        return getattr(self, place)(getattr(self._mint, kind))

    def callback(self, mint, policy="handoff"):
        browser = Browser.at_receiver(self._receiver(policy))
        asked = query_of(browser.begin())
        token = mint("notes", asked["nonce"])
        query = {"id_token": token, "state": asked["state"], "iss": ISSUER}
        answer = browser.get(f"{RECEIVER}/sso/callback", query_string=query)
        return self._check(answer, 303, 403)

    def oidc_callback(self, mint):
        return self.callback(mint, "oidc")

    def back_channel(self, mint, policy="handoff"):
        answer = (
            self._receiver(policy)
            .test_client()
            .post(
                "/sso/backchannel-logout",
                base_url=RECEIVER,
                data={"logout_token": mint("notes", None)},
            )
        )
        return self._check(answer, 200, 400)

    def oidc_back_channel(self, mint):
        return self.back_channel(mint, "oidc")

    def userinfo(self, mint):
        headers = {"Authorization": f"Bearer {mint(ISSUER, 'n' * 43)}"}
        answer = self._program.get(f"{ISSUER}/userinfo", headers=headers)
        return self._check(answer, 200, 401)

    def service(self, mint):
        verifier = AccessTokenVerifier(
            issuer=ISSUER, audience=SERVICE, keys=self._key_ring, clock=self._clock
        )
        try:
            verifier.verify(mint(SERVICE, "n" * 43))
        except HandoffRejectedError as error:
            return error.check
        return "accepted"

    def revocations(self, mint):
        verifier = RevocationNoticeVerifier(
            issuer=ISSUER,
            audience="notes",
            keys=self._key_ring,
            replay_store=self.store,
            clock=self._clock,
        )
        try:
            verifier.verify(mint("notes", None))
        except HandoffRejectedError as error:
            return error.check
        return "accepted"

    def api(self, mint):
        app, api = Flask("service"), HandoffAPI()
        app.config.update(HANDOFF_ISSUER=ISSUER, HANDOFF_BASE_URL=SERVICE)
        api.init_app(app, keys=self._key_ring, clock=self._clock)

        @app.get("/notes")
        @api.require_token(scope="openid")
        def notes():
            return "let in"

        headers = {"Authorization": f"Bearer {mint(SERVICE, 'n' * 43)}"}
        return self._check(app.test_client().get("/notes", headers=headers), 200, 401)

    def as_a_code(self, mint):
        return self._exchanged(exchange(self._program, mint(ISSUER, "n" * 43)))

    def as_a_refresh_token(self, mint):
        return self._exchanged(refresh(self._program, mint(ISSUER, "n" * 43)))

    def as_an_assertion(self, mint):
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": mint(ISSUER, "n" * 43),
        }
        answer = self._program.post(f"{ISSUER}/token", form, sends_cookies=False)
        if answer.status_code == 200:
            return "accepted"
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
        return re.search(r"check (\w+)|of no client", self._caplog.messages[-1])[0]

    def as_a_token_to_revoke(self, mint):
        revoked = []
        listener = lambda sender, **facts: revoked.append(facts)  # noqa: E731
        token_revoked.connect(listener)
        answer = revoke(self._program, mint(ISSUER, "n" * 43))
        assert (answer.status_code, answer.json) == (200, {})
        return "accepted" if revoked else self._reason()

    def as_a_token_to_introspect(self, mint):
        answer = introspect(self._program, mint(ISSUER, "n" * 43))
        assert answer.status_code == 200
        if answer.json["active"]:
            return "accepted"
        assert answer.json == {"active": False}
        return self._reason()

    def _reason(self):
        return re.findall(r"check=(\S+)", self._caplog.text)[-1]

    def _exchanged(self, answer):
        if answer.status_code == 200:
            return "accepted"
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")
        return re.findall(r"code=(\S+)", self._caplog.text)[-1]

    def _receiver(self, policy):
        return receiver_app(self._key_ring, self.store, self._clock, HANDOFF_POLICY=policy)

    def _check(self, answer, accepted, refused):
        if answer.status_code == accepted:
            return "accepted"
        assert answer.status_code == refused
        return self._reason()


PLACES = (
    *("callback", "oidc_callback", "back_channel", "oidc_back_channel"),
    *("userinfo", "service", "api", "revocations"),
    *("as_a_code", "as_a_refresh_token", "as_an_assertion"),
    *("as_a_token_to_revoke", "as_a_token_to_introspect"),
)
ONCE = {*PLACES[:4], "revocations", "as_an_assertion"}
NO_EXCHANGE = ("code_invalid", "refresh_token_invalid")  # where a code or a refresh token is
NO_PROGRAM = (*["header"] * 4, *NO_EXCHANGE)
NO_JWT = ("form",) * 8  # where a JWT is expected
NO_TOKEN = ("header",) * 2  # to revoke or to introspect
ACCEPTED = ("accepted",) * 2
REFUSED_BY = {
    "handoff": ("accepted", "header", "header", "header", *NO_PROGRAM, "check header", *NO_TOKEN),
    "id_token": (
        *("header", "accepted", "header", "required_claims"),
        *(*NO_PROGRAM, "check issuer", *NO_TOKEN),
    ),
    "access": (
        *(*["header"] * 4, *["accepted"] * 3, "header"),
        *(*NO_EXCHANGE, "check header", *ACCEPTED),
    ),
    "notice": (*["header"] * 7, "accepted", *NO_EXCHANGE, "of no client", *NO_TOKEN),
    "logout": ("header", "header", "accepted", "accepted", *NO_PROGRAM, "check header", *NO_TOKEN),
    "oidc_logout": (
        *("header", "required_claims", "header", "accepted"),
        *(*NO_PROGRAM, "check issuer", *NO_TOKEN),
    ),
    "assertion": (*("header", "required_claims") * 2, *NO_PROGRAM, "accepted", *NO_TOKEN),
    "code": (*NO_JWT, "accepted", "refresh_token_invalid", "of no client", "form", "form"),
    "refresh_token": (*NO_JWT, "code_invalid", "accepted", "of no client", *ACCEPTED),
}


@pytest.fixture
def places(key_ring, clock, caplog):
    return Places(key_ring, clock, caplog)


@pytest.mark.parametrize(
    ("kind", "place", "check"),
    [
        pytest.param(kind, place, check, id=f"{kind} at {place}")
        for kind, checks in REFUSED_BY.items()
        for place, check in zip(PLACES, checks, strict=True)
    ],
)
def test_each_kind_is_accepted_in_its_own_place_alone(places, kind, place, check):
    assert places.present(kind, place) == check
    assert len(places.store.claimed) == (check == "accepted" and place in ONCE)


@pytest.mark.parametrize("kind", ["handoff", "id_token", "logout", "oidc_logout", "notice"])
def test_an_issuer_that_mixes_up_its_types_lets_no_program_in(key_ring, clock, kind):
    """The type alone says that it is an access token."""
    token = getattr(Mint(key_ring, clock, issuer_app(key_ring, clock)), kind)(SERVICE, "n" * 43)
    claims = jwt.decode(token, options={"verify_signature": False}) | {"sub": "ada"}
    key = key_ring.signing_key
    renamed = jwt.encode(
        {**claims, "client_id": "reader"},
        key.private_key,
        algorithm="RS256",
        headers={"kid": key.kid, "typ": "at+jwt"},
    )
    verifier = AccessTokenVerifier(issuer=ISSUER, audience=SERVICE, keys=key_ring, clock=clock)
    with pytest.raises(HandoffRejectedError) as refusal:
        verifier.verify(UnverifiedToken(renamed))
    assert refusal.value.check == "no_other_kind"
