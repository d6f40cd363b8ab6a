"""Attacks on a receiver of policy ``oidc``: what it takes of others lets nobody else in."""

import json
from datetime import timedelta

import pytest

from flask_handoff import OIDC, MemoryReplayStore, PinnedKeys, TokenVerifier
from flask_handoff.errors import (
    AttemptUnknownError,
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenMalformedError,
    TokenReplayedError,
    TokenSignatureError,
)
from flask_handoff.keys import JWKSClient, KeyRing, new_key
from flask_handoff.keys.foreign import parse_foreign_jwks
from tests.jwks_endpoint import FakeMonotonic
from tests.token_trial import (
    CLIENT_ID,
    ISSUER,
    NONCE,
    TokenTrial,
    base64url,
    claims,
    dates,
    header,
    raw_payload,
    with_member,
    without,
)


@pytest.fixture
def trial(key_ring, clock):
    return TokenTrial(key_ring, clock, profile=OIDC)


@pytest.mark.parametrize(
    "audience",
    [
        [CLIENT_ID, "another"],
        ["another", CLIENT_ID],
        [CLIENT_ID, CLIENT_ID],
        [[CLIENT_ID]],
        [],
        "another",
        f"{CLIENT_ID} another",
        {CLIENT_ID: True},
        True,
    ],
    ids=str,
)
def test_a_second_audience_is_refused_in_whatever_form(trial, audience):
    error = trial.refusal(claims(aud=audience))
    assert (type(error), error.claim) == (TokenClaimError, "aud")


@pytest.mark.parametrize("azp", ["another", "", [CLIENT_ID], True], ids=str)
def test_another_authorized_party_is_refused(trial, azp):
    assert trial.refusal(claims(aud=[CLIENT_ID], azp=azp)).claim == "azp"


@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": None},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "PS256"},
        {"alg": "ES256"},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": "handoff+jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": ""},
        {"kid": "k" * 256},
        {"kid": 1},
        {"kid": ["k"]},
    ],
    ids=str,
)
def test_a_header_that_changes_what_is_verified_is_refused(trial, members):
    assert type(trial.refusal(header(**members))) is TokenMalformedError


def test_a_key_that_the_header_brings_verifies_nothing(trial, strangers_key):
    numbers = strangers_key.public_key().public_numbers()
    octets = numbers.n.to_bytes(256, "big")

    def by_it(draft):
        draft.private_key = strangers_key
        draft.header["jwk"] = {"kty": "RSA", "e": "AQAB", "n": base64url(octets)}
        draft.header["jku"] = draft.header["x5u"] = "http://127.0.0.1:1/keys"

    assert type(trial.refusal(by_it)) is TokenSignatureError
    assert trial.store.claimed == []


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nonce"])
@pytest.mark.parametrize("value", [None, "", " ", 0, -1, True, [], {}, "\n", 10**12], ids=str)
def test_what_says_who_for_whom_and_when_refuses(trial, claim, value):
    assert trial.refusal(claims(**{claim: value})) is not None


@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize("text", ['"1767268800"', "1e400", "NaN", "true", "-1.5", "0.0"])
def test_a_date_that_is_no_number_of_seconds_is_refused(trial, claim, text):
    member = with_member(f'"{claim}":{text}')
    change = without(claim)

    def both(draft):
        change(draft)
        raw_payload(member)(draft)

    assert trial.refusal(both) is not None


@pytest.mark.parametrize(("age", "accepted"), [(605, True), (606, False), (86_400, False)])
def test_a_token_that_lives_for_days_is_accepted_for_ten_minutes(trial, age, accepted):
    error = trial.refusal(dates(iat=-age, exp=10 * 86_400))
    assert (error is None) == accepted
    assert accepted or (type(error), error.claim) == (TokenExpiredError, "iat")


@pytest.mark.parametrize(("early", "accepted"), [(5, True), (6, False), (300, False)])
def test_a_token_from_before_this_sign_in_is_refused(trial, early, accepted):
    error = trial.refusal(dates(iat=-early), begun_at=trial.clock())
    assert (error is None) == accepted
    assert accepted or (error.claim, error.check) == ("iat", "transaction")


def test_a_leaked_token_is_spent_though_it_is_older_than_the_attempt(trial):
    token = trial.draft().signed()
    asked = {"nonce": "of a later attempt", "begun_at": trial.clock() + timedelta(minutes=1)}
    with pytest.raises(TokenClaimError):
        trial.verify(token, **asked)
    with pytest.raises(TokenReplayedError):
        trial.verify(token)


@pytest.mark.parametrize("jwt_id", ["once", None, 7, "x" * 256, ""], ids=str)
def test_a_token_is_good_once_whatever_its_identifier(trial, jwt_id):
    assert trial.refusal(claims(jti=jwt_id)) is None
    assert type(trial.refusal(claims(jti=jwt_id))) is TokenReplayedError


def test_a_token_of_a_day_is_remembered_until_no_browser_may_bring_it(trial):
    with pytest.raises(AttemptUnknownError):
        trial.present(dates(exp=86_400), nonce=None)
    assert trial.store.claimed[0][2] == trial.now + 600 + 5 + 60


@pytest.mark.parametrize("length", [12_289, 100_000])
def test_a_token_of_more_than_12_kib_is_refused_unread(trial, length):
    error = trial.refusal(lambda draft: draft.signed().ljust(length, "A"))
    assert str(error) == "longer than 12288 characters"


def test_a_scope_that_cannot_be_read_grants_nothing(key_ring, clock):
    trial = TokenTrial(key_ring, clock, profile=OIDC)
    trial.verifier.default_scope = frozenset({"notes:write"})
    assert trial.present(claims(scope=["notes:read"])).scope == frozenset()


# Forged tokens under a known kid: how often that makes us ask.


class Endpoint:
    """Publishes one key under one name, and counts how often it is asked."""

    def __init__(self, key):
        self.key, self.count = key, 0

    def __call__(self):
        self.count += 1
        jwk = self.key.verification_key.to_jwk() | {"kid": "k1"}
        return json.dumps({"keys": [jwk]}).encode(), None


@pytest.fixture
def endpoint(key_ring):
    return Endpoint(key_ring.signing_key)


@pytest.fixture(scope="module")
def other_key_ring(tmp_path_factory):
    directory = tmp_path_factory.mktemp("other") / "keys"
    new_key(directory)
    return KeyRing.open(directory)


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def fetching(key_ring, clock, endpoint, monotonic):
    client = JWKSClient(
        "https://idp.example.com/keys", foreign=True, fetch=endpoint, monotonic=monotonic
    )
    yield TokenTrial(key_ring, clock, profile=OIDC, keys=client)
    client.close()


def test_a_flood_of_forged_signatures_makes_one_fetch_in_ten_seconds(
    fetching, endpoint, monotonic, strangers_key
):
    def forged(draft):
        draft.header["kid"] = "k1"
        draft.private_key = strangers_key

    for _ in range(20):
        assert type(fetching.refusal(forged)) is TokenSignatureError
    assert endpoint.count == 1
    monotonic.tick(10)
    for _ in range(20):
        assert type(fetching.refusal(forged)) is TokenSignatureError
    assert endpoint.count == 2
    assert fetching.refusal(header(kid="k1")) is None
    assert endpoint.count == 2


def test_the_key_that_was_replaced_under_its_name_verifies_nothing(
    fetching, endpoint, monotonic, key_ring, other_key_ring
):
    assert fetching.refusal(header(kid="k1")) is None
    endpoint.key = other_key_ring.signing_key
    monotonic.tick(10)

    def by_the_new_one(draft):
        draft.header["kid"] = "k1"
        draft.payload["jti"] = "another"
        draft.private_key = other_key_ring.signing_key.private_key

    assert fetching.refusal(by_the_new_one) is None
    assert endpoint.count == 2
    assert type(fetching.refusal(header(kid="k1"))) is TokenSignatureError


def test_a_token_without_kid_chooses_among_no_two_keys(key_ring, other_key_ring, clock):
    rings = key_ring, other_key_ring
    jwks = {"keys": [ring.signing_key.verification_key.to_jwk() for ring in rings]}
    keys = PinnedKeys(parse_foreign_jwks(json.dumps(jwks).encode()).values())
    trial = TokenTrial(key_ring, clock, profile=OIDC, keys=keys)
    error = trial.refusal(lambda draft: draft.header.pop("kid") and None)
    assert (type(error), str(error)) == (
        TokenKeyUnknownError,
        "the token names no key, and its issuer has 2",
    )


def test_a_kid_is_never_logged_as_it_came(key_ring, clock, caplog):
    kid = "a\r\nhandoff accepted: sub=ada\x1b[31m,b c"
    jwk = key_ring.signing_key.verification_key.to_jwk() | {"kid": kid}
    unusable = jwk | {"kid": f"{kid}2", "e": "Aw"}
    document = json.dumps({"keys": [jwk, unusable]}).encode()
    client = JWKSClient("https://idp.example.com", foreign=True, fetch=lambda: (document, None))
    verifier = TokenVerifier(
        issuer=ISSUER,
        audience=CLIENT_ID,
        keys=client,
        replay_store=MemoryReplayStore(),
        profile=OIDC,
        clock=clock,
    )
    draft = TokenTrial(key_ring, clock, profile=OIDC).draft()
    draft.header["kid"] = kid
    with caplog.at_level("INFO"), pytest.raises(TokenClaimError) as refused:
        verifier.verify(draft.signed(), nonce=f"{NONCE}x")
    client.close()
    escaped = (
        "a\\u000d\\u000ahandoff\\u0020accepted:\\u0020sub=ada\\u001b\\u005b31m\\u002cb\\u0020c"
    )
    assert refused.value.kid == escaped
    assert f"added={escaped} removed=-" in caplog.text
    assert f"kid={escaped}2 reason=" in caplog.text
    assert all(record.getMessage().isprintable() for record in caplog.records)
